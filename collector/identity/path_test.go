package identity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	idA      = "f1223181df56da1a8186750f579d0883ad2b883e5eda72793732d6a3297e3230"
	idB      = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	uid      = "11111111-2222-3333-4444-555555555555"
	uidUnder = "11111111_2222_3333_4444_555555555555" // as systemd writes it
	alc      = "8b1a7d3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b"
)

func c(runtime, id, name string) Match {
	return Match{Kind: model.Container, Runtime: runtime, ID: id, Name: name}
}

func scoped(m Match, scope string) Match { m.Scope = scope; return m }
func inPod(m Match, uid string) Match    { m.PodUID = uid; return m }
func helper(runtime string) Match {
	return Match{Kind: model.Container, Runtime: runtime, Helper: true}
}

func withHelperID(runtime, id string) Match {
	m := helper(runtime)
	m.ID = id
	return m
}

func TestFromPathFindsGuests(t *testing.T) {
	vm := Match{Kind: model.VM}
	user := "/user.slice/user-1000.slice/user@1000.service"
	for _, tt := range []struct {
		name, path string
		want       Match
	}{
		{"docker with cgroupfs", "/docker/" + idA, c("docker", idA, "")},
		{"docker with systemd", "/system.slice/docker-" + idA + ".scope", c("docker", idA, "")},
		{"docker, rootless", user + "/user.slice/docker-" + idA + ".scope", scoped(c("docker", idA, ""), "user@1000")},
		{"docker, another parent", "/custom/x/" + idA, c("", idA, "")},
		{"docker, another slice", "/my.slice/my-x.slice/docker-" + idA + ".scope", c("docker", idA, "")},
		{"docker in docker", "/docker/" + idA + "/docker/" + idB, c("docker", idB, "")},
		{"docker in docker with systemd", "/system.slice/docker-" + idA + ".scope/docker/" + idB, c("docker", idB, "")},
		{"docker in lxc", "/lxc.payload.c1/docker/" + idA, c("docker", idA, "")},
		{"docker in lxc's systemd", "/lxc.payload.c1/system.slice/docker-" + idA + ".scope", c("docker", idA, "")},
		{"docker's own containerd", "/moby/" + idA, scoped(c("docker", idA, ""), "moby")},
		{"buildkit with cgroupfs", "/docker/buildkit", helper("docker")},
		{"buildkit with systemd", "/system.slice/docker-abcdefghijklmnopqrstuvwxy.scope", helper("docker")},

		{"containerd's default namespace", "/default/t1", scoped(c("containerd", "t1", "t1"), "default")},
		{"containerd, a name like an engine's", "/default/docker", scoped(c("containerd", "docker", "docker"), "default")},
		{"nerdctl with cgroupfs", "/default/" + idA, scoped(c("containerd", idA, ""), "default")},
		{"nerdctl with systemd", "/system.slice/nerdctl-" + idA + ".scope", c("containerd", idA, "")},
		{"containerd's own namespace, an id", "/build/" + idA, c("", idA, "")},

		{"kubernetes with cgroupfs", "/kubepods/burstable/pod" + uid + "/" + idB, inPod(c("", idB, ""), uid)},
		{"kubernetes with cgroupfs, guaranteed", "/kubepods/pod" + uid + "/" + idB, inPod(c("", idB, ""), uid)},
		{"kubernetes with cgroupfs, cri-o", "/kubepods/besteffort/pod" + uid + "/crio-" + idB, inPod(c("crio", idB, ""), uid)},
		{"kubernetes with systemd, containerd", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uidUnder + ".slice/cri-containerd-" + idA + ".scope", inPod(c("containerd", idA, ""), uid)},
		{"kubernetes with systemd, guaranteed", "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/cri-containerd-" + idA + ".scope", inPod(c("containerd", idA, ""), uid)},
		{"kubernetes with systemd, cri-o", "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/crio-" + idA + ".scope", inPod(c("crio", idA, ""), uid)},
		{"kubernetes with systemd, docker", "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/docker-" + idA + ".scope", inPod(c("docker", idA, ""), uid)},
		{"static pod", "/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + idB, inPod(c("", idB, ""), "0123456789abcdef0123456789abcdef")},
		{"static pod with systemd", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0123456789abcdef0123456789abcdef.slice/crio-" + idB + ".scope", inPod(c("crio", idB, ""), "0123456789abcdef0123456789abcdef")},
		{"scope without its suffix", "/kubepods.slice/cri-containerd-" + idA, c("containerd", idA, "")},
		{"colons", "/system.slice:cri-containerd:" + idA, c("containerd", idA, "")},
		{"colons in a pod", "/system.slice/containerd.service/kubepods-burstable-pod" + uidUnder + ".slice:cri-containerd:" + idA, inPod(c("containerd", idA, ""), uid)},
		{"colons of cri-o", "/kubepods-pod" + uidUnder + ".slice:crio:" + idA, inPod(c("crio", idA, ""), uid)},
		{"colons of somebody else", "/system.slice:x:" + idA, c("", idA, "")},
		{"kind, node", "/docker/" + idA + "/kubelet/kubepods/burstable/pod" + uid + "/" + idB, inPod(c("", idB, ""), uid)},
		{"kind with systemd", "/system.slice/docker-" + idA + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + uidUnder + ".slice/cri-containerd-" + idB + ".scope", inPod(c("containerd", idB, ""), uid)},
		{"cri-o's conmon", "/kubepods.slice/crio-conmon-" + idA + ".scope", withHelperID("crio", idA)},

		{"podman with systemd", "/machine.slice/libpod-" + idA + ".scope", c("podman", idA, "")},
		{"podman pod", "/machine.slice/machine-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope", c("podman", idA, "")},
		{"podman with cgroupfs", "/libpod_parent/libpod-" + idA, c("podman", idA, "")},
		{"podman pod with cgroupfs", "/libpod_parent/" + idB + "/libpod-" + idA, c("podman", idA, "")},
		{"podman, rootless", user + "/user.slice/libpod-" + idA + ".scope", scoped(c("podman", idA, ""), "user@1000")},
		{"quadlet", "/system.slice/web.service/libpod-payload-" + idA, c("podman", idA, "")},
		{"quadlet, rootless", user + "/app.slice/web.service/libpod-payload-" + idA, scoped(c("podman", idA, ""), "user@1000")},
		{"quadlet's conmon", "/system.slice/web.service/runtime", helper("podman")},
		{"podman's conmon", "/machine.slice/libpod-conmon-" + idA + ".scope", withHelperID("podman", idA)},
		{"podman's conmon with cgroupfs", "/libpod_parent/conmon", helper("podman")},

		{"lxc", "/lxc.payload.l1", c("lxc", "", "l1")},
		{"lxc, a project of incus", "/lxc.payload.prod_web", c("lxc", "", "prod_web")},
		{"lxc in a user's session", user + "/lxc.payload.l1", scoped(c("lxc", "", "l1"), "user@1000")},
		{"lxc in lxc", "/lxc.payload.l1/lxc.payload.l2", c("lxc", "", "l2")},
		{"lxc of old", "/lxc/l1", c("lxc", "", "l1")},
		{"proxmox", "/lxc/101", c("lxc", "101", "101")},
		{"docker in proxmox", "/lxc/101/ns/docker/" + idA, c("docker", idA, "")},
		{"lxc's monitor", "/lxc.monitor.l1", helper("lxc")},
		{"proxmox' monitor", "/lxc.monitor", helper("lxc")},

		{"nspawn service", "/machine.slice/systemd-nspawn@my-ct.service", c("nspawn", "", "my-ct")},
		{"nspawn service, escaped", `/machine.slice/systemd-nspawn@my\x2dct.service`, c("nspawn", "", "my-ct")},
		{"nspawn scope", "/machine.slice/machine-ns1.scope", c("nspawn", "", "ns1")},
		{"nspawn scope, escaped", `/machine.slice/machine-my\x2dct.1.scope`, c("nspawn", "", "my-ct.1")},
		{"nspawn in another unit", "/system.slice/container@web.service/payload", c("nspawn", "", "web")},
		{"nspawn in a session", "/user.slice/user-0.slice/session-3.scope/payload", c("nspawn", "", "session-3")},
		{"nspawn in no unit", "/payload", c("nspawn", "", "payload")},
		{"nspawn in docker", "/docker/" + idA + "/payload", c("nspawn", "", "payload")},
		{"docker in nspawn", "/machine.slice/machine-ns1.scope/payload/system.slice/docker-" + idA + ".scope", c("docker", idA, "")},
		{"nspawn's supervisor", "/machine.slice/machine-ns1.scope/supervisor", helper("nspawn")},
		{"nspawn's supervisor in no unit", "/supervisor", helper("nspawn")},

		{"libvirt-lxc with systemd", `/machine.slice/machine-lxc\x2d30349\x2dlxc\x2ddom1.scope`, c("libvirt-lxc", "30349", "lxc-dom1")},
		{"libvirt-lxc without", "/machine/lxc-30349-lxcdom1.libvirt-lxc", c("libvirt-lxc", "30349", "lxcdom1")},
		{"libvirt-lxc of old", "/machine/lxcdom1.libvirt-lxc", c("libvirt-lxc", "", "lxcdom1")},

		{"nomad", "/nomad.slice/share.slice/" + alc + ".web.scope", c("nomad", alc, "web")},
		{"nomad, reserved cores", "/nomad.slice/reserve.slice/" + alc + ".web-1.scope", c("nomad", alc, "web-1")},
		{"nomad with cgroupfs", "/nomad/share/" + alc + ".web", c("nomad", alc, "web")},
		{"nomad's docker", "/nomad.slice/share.slice/docker-" + idA + ".scope", c("docker", idA, "")},
		{"ecs", "/ecs/0123456789abcdef0123456789abcdef/" + idA, c("docker", idA, "")},
		{"ecs with systemd", "/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-" + idA + ".scope", c("docker", idA, "")},
		{"ecs on fargate", "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890", c("containerd", "0123456789abcdef0123456789abcdef-1234567890", "")},
		{"runc with systemd", "/system.slice/runc-my-box.scope", c("runc", "my-box", "my-box")},
		{"an engine we do not know", "/system.slice/foo-" + idA + ".scope", c("", idA, "")},

		{"libvirt", `/machine.slice/machine-qemu\x2d1\x2dl2\x2dvm.1.scope`, vm},
		{"libvirt without systemd", "/machine/qemu-1-tiny1.libvirt-qemu", vm},
		{"libvirt's cloud-hypervisor", `/machine.slice/machine-ch\x2d1\x2dx.scope`, vm},
		{"libvirt in kubernetes", "/kubepods/pod" + uid + "/" + idB + `/machine/qemu-1-x.libvirt-qemu`, vm},
		{"proxmox vm", "/qemu.slice/100.scope", vm},
		{"kata", "/kata_overhead/" + idA, vm},
		{"firecracker's jailer", "/firecracker/vm1", vm},
		{"vmspawn", "/machine.slice/systemd-vmspawn@x.service", vm},

		{"out of a cgroup namespace", "/../../docker/" + idA, c("docker", idA, "")},
		{"a slash at the end", "/docker/" + idA + "/", c("docker", idA, "")},
		{"slashes doubled", "//docker//" + idA, c("docker", idA, "")},
		{"invalid UTF-8", "/lxc.payload.a\xffb", c("lxc", "", "a\uFFFDb")},
		{"quotes and spaces", "/lxc.payload.a \"b\"\n", c("lxc", "", "a \"b\"\n")},
		{"escaped bytes", `/machine.slice/machine-\xc3\xa9\x20\xff.scope`, c("nspawn", "", "é \uFFFD")},
		{"half an escape", `/machine.slice/machine-a\x2.scope`, c("nspawn", "", `a\x2`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := FromPath(tt.path)
			if !ok {
				t.Fatalf("FromPath(%q): no guest", tt.path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("FromPath(%q) (-want +got):\n%s", tt.path, diff)
			}
			if Candidate(tt.path) {
				t.Errorf("Candidate(%q) of what is known", tt.path)
			}
		})
	}
}

func TestFromPathFindsNoGuest(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		candidate  bool
	}{
		{name: "nothing", path: ""},
		{name: "the root", path: "/"},
		{name: "init", path: "/init.scope"},
		{name: "a slice", path: "/system.slice"},
		{name: "a service", path: "/system.slice/docker.service"},
		{name: "a mount", path: "/dev-hugepages.mount"},
		{name: "a session", path: "/user.slice/user-1000.slice/session-2.scope"},
		{name: "parent of docker", path: "/docker"},
		{name: "parent of podman", path: "/libpod_parent"},
		{name: "pod of podman", path: "/machine.slice/machine-libpod_pod_" + idA + ".slice"},
		{name: "pod of podman with cgroupfs", path: "/libpod_parent/" + idA},
		{name: "parent of lxc", path: "/lxc"},
		{name: "lxc without a name", path: "/lxc.payload."},
		{name: "kubernetes", path: "/kubepods/burstable"},
		{name: "pod", path: "/kubepods/burstable/pod" + uid},
		{name: "pod with systemd", path: "/kubepods.slice/kubepods-pod" + uidUnder + ".slice"},
		{name: "inside docker", path: "/docker/" + idA + "/init.scope"},
		{name: "inside podman", path: "/machine.slice/libpod-" + idA + ".scope/container"},
		{name: "inside podman, init", path: "/machine.slice/libpod-" + idA + ".scope/init.scope"},
		{name: "inside lxc", path: "/lxc.payload.c1/system.slice/smbd.service"},
		{name: "inside proxmox", path: "/lxc/101/ns"},
		{name: "inside proxmox, init", path: "/lxc/101/ns/init.scope"},
		{name: "inside nspawn", path: "/machine.slice/machine-n1.scope/payload"},
		{name: "inside nspawn, its service", path: "/machine.slice/systemd-nspawn@n1.service/payload/init.scope"},
		{name: "inside nspawn in no unit", path: "/payload/system.slice/x.service"},
		{name: "inside the supervisor", path: "/machine.slice/machine-n1.scope/supervisor/docker/" + idA},
		{name: "inside conmon", path: "/libpod_parent/conmon/" + idA},
		{name: "inside a monitor", path: "/lxc.monitor/101"},
		{name: "a build", path: "/docker/buildkit/abcdefghijklmnopqrstuvwxy"},
		{name: "libvirt's groups", path: `/machine.slice/machine-qemu\x2d1\x2dx.scope/libvirt`},
		{name: "libvirt's emulator", path: `/machine.slice/machine-qemu\x2d1\x2dx.scope/libvirt/emulator`},
		{name: "libvirt's vcpu", path: "/machine/qemu-1-tiny1.libvirt-qemu/vcpu0"},
		{name: "below a vm", path: "/qemu.slice/100.scope/docker/" + idA},
		{name: "a short id", path: "/docker/" + idA[:63], candidate: true},
		{name: "an id in capitals", path: "/docker/" + strings.ToUpper(idA), candidate: true},
		{name: "containerd's own namespace", path: "/build/job1", candidate: true},
		{name: "runc anywhere", path: "/some/where", candidate: true},
		{name: "a container called path", path: "/ns/path", candidate: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if m, ok := FromPath(tt.path); ok {
				t.Errorf("FromPath(%q) = %+v", tt.path, m)
			}
			if got := Candidate(tt.path); got != tt.candidate {
				t.Errorf("Candidate(%q) = %v", tt.path, got)
			}
		})
	}
}

// Thirty guests in one another must not cost more than thirty times one.
func BenchmarkFromPathDeep(b *testing.B) {
	path := strings.Repeat("/lxc.payload.c1/system.slice/docker-"+idA+".scope", 15)
	b.ReportAllocs()
	for b.Loop() {
		FromPath(path)
	}
}

func BenchmarkFromPath(b *testing.B) {
	path := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uidUnder + ".slice/cri-containerd-" + idA + ".scope"
	b.ReportAllocs()
	for b.Loop() {
		FromPath(path)
	}
}
