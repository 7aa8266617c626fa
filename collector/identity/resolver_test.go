package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// files is what lies below a root: contents by path, or where a link points
// after "-> ".
type files map[string]string

func (f files) write(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range f {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	bundles = "/run/containerd/io.containerd.runtime.v2.task/"
	overlay = "/var/lib/containers/storage/overlay-containers/"
)

const (
	annScope = "user@1000"
	annTree  = "/user.slice/user-1000.slice/user@1000.service/"
	passwd   = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:Ann,,,:/home/ann:/bin/sh\n"
)

func dockerFile(id, name string) string {
	return `{"StreamConfig":{},"State":{"Running":true,"Pid":7},"ID":"` + id + `","Name":"/` + name + `","Image":"sha256:1",` +
		`"Config":{"Hostname":"f1","Image":"nginx:1","Labels":{"team":"a"}}}`
}

func criFile(kind string) string {
	return `{"ociVersion":"1.1.0","linux":{"cgroupsPath":"x"},"annotations":{
		"io.kubernetes.cri.container-type":"` + kind + `","io.kubernetes.cri.container-name":"app",
		"io.kubernetes.cri.image-name":"docker.io/library/nginx:1","io.kubernetes.cri.sandbox-name":"web-0",
		"io.kubernetes.cri.sandbox-namespace":"shop"}}`
}

func crioFile(kind string) string {
	return `{"annotations":{"io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"` + kind + `",
		"io.kubernetes.container.name":"app","io.kubernetes.cri-o.ImageName":"quay.io/nginx:1",
		"io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop"}}`
}

func storageFile(id, name, image string) string {
	return `[{"id":"` + idB + `","names":["other"],"image":"x","metadata":"{}"},{"id":"` + id + `","names":["` + name + `"],"image":"88bf",` +
		`"metadata":"{\"image-name\":\"` + image + `\",\"image-id\":\"88bf\",\"name\":\"old\",\"created-at\":1}"}]`
}

// resolved are the parts of a Who that a test row compares.
func (w Who) brief() Who { w.Labels = nil; return w }

func kubeWho(runtime, image, source string) Who {
	return Who{
		Kind: model.Container, Runtime: runtime, Name: "shop/web-0/app", ID: idA, Image: image, Source: source, Found: true,
		KubeNamespace: "shop", KubePod: "web-0", KubeContainer: "app",
	}
}

func guest(runtime, name, id, image, source string) Who {
	return Who{Kind: model.Container, Runtime: runtime, Name: name, ID: id, Image: image, Source: source, Found: true}
}

type resolveTest struct {
	name  string
	path  string
	files files
	want  Who
}

func (tt resolveTest) run(t *testing.T) {
	t.Helper()
	r := NewResolver(tt.files.write(t))
	m, ok := FromPath(tt.path)
	if !ok {
		if m, ok = r.Lookup(tt.path); !ok {
			t.Fatalf("Lookup(%q): no guest", tt.path)
		}
	}
	if diff := cmp.Diff(tt.want, r.Resolve(tt.path, m).brief()); diff != "" {
		t.Errorf("Resolve(%q) (-want +got):\n%s", tt.path, diff)
	}
}

func TestResolveDocker(t *testing.T) {
	config := "/containers/" + idA + "/config.v2.json"
	system := "/system.slice/docker-" + idA + ".scope"
	k8s := strings.Replace(dockerFile(idA, "k8s_app_web-0_shop_"+uid+"_0"), `"team":"a"`, `"io.kubernetes.docker.type":"container"`, 1)
	for _, tt := range []resolveTest{
		{
			"cgroupfs", "/docker/" + idA,
			files{"/var/lib/docker" + config: dockerFile(idA, "web")},
			guest("docker", "web", idA, "nginx:1", "/var/lib/docker"+config),
		},
		{
			"systemd", system,
			files{"/var/lib/docker" + config: dockerFile(idA, "web")},
			guest("docker", "web", idA, "nginx:1", "/var/lib/docker"+config),
		},
		{
			"another parent", "/custom/x/" + idA,
			files{"/var/lib/docker" + config: dockerFile(idA, "web")},
			guest("docker", "web", idA, "nginx:1", "/var/lib/docker"+config),
		},
		{
			"snap", system,
			files{"/var/snap/docker/common/var-lib-docker" + config: dockerFile(idA, "web")},
			guest("docker", "web", idA, "nginx:1", "/var/snap/docker/common/var-lib-docker"+config),
		},
		{
			"data root of daemon.json", system,
			files{"/etc/docker/daemon.json": `{"data-root":"/srv/d"}`, "/srv/d" + config: dockerFile(idA, "web")},
			guest("docker", "web", idA, "nginx:1", "/srv/d"+config),
		},
		{"data root of a flag", system, files{
			bundles + "moby/" + idA + "/config.json": `{"mounts":[{"source":"proc"},{"source":"/srv/d/containers/` + idA + `/hostname"}]}`,
			"/srv/d" + config:                        dockerFile(idA, "web"),
		}, guest("docker", "web", idA, "nginx:1", "/srv/d"+config)},
		{"data root of a flag, another parent", "/custom/" + idA, files{
			bundles + "moby/" + idA + "/config.json": `{"mounts":[{"source":"/srv/d/containers/` + idA + `/hosts"}]}`,
			"/srv/d" + config:                        dockerFile(idA, "web"),
		}, guest("docker", "web", idA, "nginx:1", "/srv/d"+config)},
		{
			"data root that is an absolute link", system,
			files{"/var/lib/docker": "-> /srv/d", "/srv/d" + config: dockerFile(idA, "web")},
			guest("docker", "web", idA, "nginx:1", "/var/lib/docker"+config),
		},
		{"rootless", annTree + "user.slice/docker-" + idA + ".scope", files{
			"/etc/passwd": passwd, "/home/ann/.local/share/docker" + config: dockerFile(idA, "web"), "/var/lib/docker" + config: dockerFile(idA, "wrong"),
		}, guest("docker", annScope+"/web", idA, "nginx:1", "/home/ann/.local/share/docker"+config)},
		{
			"cri-dockerd", "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/docker-" + idA + ".scope",
			files{"/var/lib/docker" + config: k8s},
			kubeWho("docker", "nginx:1", "/var/lib/docker"+config),
		},
		{"nothing found", system, nil, Who{Kind: model.Container, Runtime: "docker", Name: idA[:12], ID: idA}},
		{
			"half written", system,
			files{"/var/lib/docker" + config: dockerFile(idA, "web")[:90]},
			Who{Kind: model.Container, Runtime: "docker", Name: idA[:12], ID: idA},
		},
		{
			"somebody else's file", system,
			files{"/var/lib/docker" + config: dockerFile(idB, "web")},
			Who{Kind: model.Container, Runtime: "docker", Name: idA[:12], ID: idA},
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestResolveContainerd(t *testing.T) {
	scope := "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/cri-containerd-" + idA + ".scope"
	bundle := bundles + "k8s.io/" + idA + "/config.json"
	sandbox := kubeWho("containerd", "docker.io/library/nginx:1", bundle)
	sandbox.Pause, sandbox.KubeContainer, sandbox.Name = true, "POD", "shop/web-0/POD"
	moved := strings.NewReplacer("/run/containerd", "/run/k3s/containerd")
	for _, tt := range []resolveTest{
		{"cri", scope, files{bundle: criFile("container")}, kubeWho("containerd", "docker.io/library/nginx:1", bundle)},
		{"cri with cgroupfs", "/kubepods/pod" + uid + "/" + idA, files{bundle: criFile("container")}, kubeWho("containerd", "docker.io/library/nginx:1", bundle)},
		{"cri's sandbox", scope, files{bundle: criFile("sandbox")}, sandbox},
		{"k3s", scope, files{moved.Replace(bundle): criFile("container")}, kubeWho("containerd", "docker.io/library/nginx:1", moved.Replace(bundle))},
		{
			"log of the kubelet", scope,
			files{"/var/log/containers/web-0_shop_app-" + idA + ".log": "-> /var/log/pods/x"},
			kubeWho("containerd", "", "/var/log/containers/web-0_shop_app-"+idA+".log"),
		},
		{
			"default namespace", "/default/t1",
			files{bundles + "default/t1/config.json": `{"linux":{"cgroupsPath":"/default/t1"}}`},
			guest("containerd", "t1", "t1", "", bundles+"default/t1/config.json"),
		},
		{"default namespace, no files", "/default/t1", nil, guest("containerd", "t1", "t1", "", "path")},
		{
			"a namespace", "/build/job1",
			files{bundles + "build/job1/config.json": `{"linux":{"cgroupsPath":"/build/job1"}}`},
			guest("containerd", "build/job1", "job1", "", bundles+"build/job1/config.json"),
		},
		{
			"a free path", "/a/b/job1",
			files{bundles + "build/job1/config.json": `{"linux":{"cgroupsPath":"/a/b/job1"}}`},
			guest("containerd", "build/job1", "job1", "", bundles+"build/job1/config.json"),
		},
		{
			"a free path of another name", "/a/b",
			files{bundles + "build/job1/config.json": `{"linux":{"cgroupsPath":"/a/b"}}`},
			guest("containerd", "build/job1", "job1", "", bundles+"build/job1/config.json"),
		},
		{
			"a namespace, an id", "/build/" + idA,
			files{bundles + "build/" + idA + "/config.json": `{}`},
			guest("containerd", "build/"+idA[:12], idA, "", bundles+"build/"+idA+"/config.json"),
		},
		{
			"nerdctl", "/system.slice/nerdctl-" + idA + ".scope",
			files{bundles + "default/" + idA + "/config.json": `{"annotations":{"nerdctl/name":"web"}}`},
			guest("containerd", "web", idA, "", bundles+"default/"+idA+"/config.json"),
		},
		{"same id in two namespaces", "/default/t1", files{
			bundles + "default/t1/config.json": `{"annotations":{"nerdctl/name":"right"}}`, bundles + "a/t1/config.json": `{"annotations":{"nerdctl/name":"wrong"}}`,
		}, guest("containerd", "right", "t1", "", bundles+"default/t1/config.json")},
		{"garbage", scope, files{bundle: "\x00\x00"}, Who{Kind: model.Container, Runtime: "containerd", Name: idA[:12], ID: idA}},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestResolveStorage(t *testing.T) {
	crio := "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/crio-" + idA + ".scope"
	userdata := "/run/containers/storage/overlay-containers/" + idA + "/userdata/config.json"
	machine := "/machine.slice/libpod-" + idA + ".scope"
	home := "/home/ann/.local/share/containers/storage/overlay-containers/containers.json"
	sandbox := kubeWho("crio", "quay.io/nginx:1", userdata)
	sandbox.Pause, sandbox.KubeContainer, sandbox.Name = true, "POD", "shop/web-0/POD"
	infra := guest("podman", "0123456789ab-infra", idA, "localhost/podman-pause:4", overlay+"containers.json")
	infra.Pause = true
	for _, tt := range []resolveTest{
		{"cri-o", crio, files{userdata: crioFile("container")}, kubeWho("crio", "quay.io/nginx:1", userdata)},
		{"cri-o's sandbox", crio, files{userdata: crioFile("sandbox")}, sandbox},
		{
			"cri-o, its list", crio,
			files{overlay + "containers.json": storageFile(idA, "k8s_app_web-0_shop_u_0", "img")},
			kubeWho("crio", "img", overlay+"containers.json"),
		},
		{
			"podman", machine,
			files{overlay + "containers.json": storageFile(idA, "web", "nginx:1")},
			guest("podman", "web", idA, "nginx:1", overlay+"containers.json"),
		},
		{
			"podman with cgroupfs", "/libpod_parent/libpod-" + idA,
			files{overlay + "containers.json": storageFile(idA, "web", "nginx:1")},
			guest("podman", "web", idA, "nginx:1", overlay+"containers.json"),
		},
		{
			"podman, removed at boot", machine,
			files{overlay + "volatile-containers.json": storageFile(idA, "web", "nginx:1")},
			guest("podman", "web", idA, "nginx:1", overlay+"volatile-containers.json"),
		},
		{
			"podman on vfs", machine,
			files{strings.Replace(overlay, "overlay", "vfs", 1) + "containers.json": storageFile(idA, "web", "nginx:1")},
			guest("podman", "web", idA, "nginx:1", strings.Replace(overlay, "overlay", "vfs", 1)+"containers.json"),
		},
		{
			"podman, another parent", "/custom/" + idA,
			files{overlay + "containers.json": storageFile(idA, "web", "nginx:1")},
			guest("podman", "web", idA, "nginx:1", overlay+"containers.json"),
		},
		{
			"quadlet", "/system.slice/web.service/libpod-payload-" + idA,
			files{overlay + "containers.json": storageFile(idA, "systemd-web", "nginx:1")},
			guest("podman", "systemd-web", idA, "nginx:1", overlay+"containers.json"),
		},
		{
			"podman, rootless", annTree + "user.slice/libpod-" + idA + ".scope",
			files{"/etc/passwd": passwd, home: storageFile(idA, "web", "nginx:1")},
			guest("podman", annScope+"/web", idA, "nginx:1", home),
		},
		{
			"quadlet, rootless", annTree + "app.slice/web.service/libpod-payload-" + idA,
			files{"/etc/passwd": passwd, home: storageFile(idA, "web", "nginx:1")},
			guest("podman", annScope+"/web", idA, "nginx:1", home),
		},
		{"podman's infra", machine, files{overlay + "containers.json": storageFile(idA, "0123456789ab-infra", "localhost/podman-pause:4")}, infra},
		{
			"a container called infra", machine,
			files{overlay + "containers.json": storageFile(idA, "my-infra", "nginx:1")},
			guest("podman", "my-infra", idA, "nginx:1", overlay+"containers.json"),
		},
		{
			"a user that is nowhere", "/user.slice/user-7.slice/user@7.service/user.slice/libpod-" + idA + ".scope",
			files{"/etc/passwd": passwd, overlay + "containers.json": storageFile(idA, "web", "nginx:1")},
			Who{Kind: model.Container, Runtime: "podman", Name: idA[:12], ID: idA},
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestResolveLXC(t *testing.T) {
	project := func(w Who, p string) Who { w.Project = p; return w }
	for _, tt := range []resolveTest{
		{"lxc", "/lxc.payload.l1", files{"/var/lib/lxc/l1/config": ""}, guest("lxc", "l1", "", "", "/var/lib/lxc/l1")},
		{"lxc elsewhere", "/lxc.payload.l1", nil, guest("lxc", "l1", "", "", "path")},
		{"lxc of old", "/lxc/l1", nil, guest("lxc", "l1", "", "", "path")},
		{"lxc with an underscore", "/lxc.payload.a_b", files{"/var/lib/lxc/a_b/config": ""}, guest("lxc", "a_b", "", "", "/var/lib/lxc/a_b")},
		{"lxc beside incus", "/lxc.payload.l1", files{"/var/lib/lxc/l1/config": "", "/var/lib/incus/x": ""}, guest("lxc", "l1", "", "", "/var/lib/lxc/l1")},
		{"incus", "/lxc.payload.c1", files{"/run/incus/c1/lxc.conf": ""}, project(guest("incus", "c1", "", "", "/run/incus/c1"), "default")},
		{
			"incus, a project", "/lxc.payload.my_prod_c1",
			files{"/run/incus/my_prod_c1/lxc.conf": ""},
			project(guest("incus", "my_prod/c1", "", "", "/run/incus/my_prod_c1"), "my_prod"),
		},
		{
			"incus, its storage pool", "/lxc.payload.c1",
			files{"/var/lib/incus/containers/c1": "-> /var/lib/incus/nowhere"},
			project(guest("incus", "c1", "", "", "/var/lib/incus/containers/c1"), "default"),
		},
		{
			"lxd of the snap", "/lxc.payload.p_c1",
			files{"/var/snap/lxd/common/lxd/x": ""},
			project(guest("lxd", "p/c1", "", "", "/var/snap/lxd/common/lxd"), "p"),
		},
		{"lxd", "/lxc.payload.c1", files{"/var/lib/lxd/containers/c1/x": ""}, project(guest("lxd", "c1", "", "", "/var/lib/lxd/containers/c1"), "default")},
		{
			"proxmox", "/lxc/101",
			files{"/etc/pve/lxc/101.conf": "arch: amd64\nhostname: db1\n\n[snap]\nhostname: old\n"},
			guest("lxc", "db1", "101", "", "/etc/pve/lxc/101.conf"),
		},
		{
			"proxmox without a name", "/lxc/101",
			files{"/etc/pve/lxc/101.conf": "arch: amd64\n[snap]\nhostname: old\n"},
			guest("lxc", "101", "101", "", "/etc/pve/lxc/101.conf"),
		},
		{"proxmox' file not there", "/lxc/101", nil, guest("lxc", "101", "101", "", "path")},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestResolveMachines(t *testing.T) {
	withUUID := func(w Who) Who { w.UUID = "01234567-89ab-cdef-0123-456789abcdef"; return w }
	vm := guest("qemu", "box", "", "", machines+"/box")
	vm.Kind = model.VM
	state := "NAME=ns1\nSCOPE=machine-ns1.scope\nSERVICE=systemd-nspawn\nID=0123456789abcdef0123456789abcdef\nCLASS=container\n"
	for _, tt := range []resolveTest{
		{"scope", "/machine.slice/machine-ns1.scope", files{machines + "/ns1": state}, withUUID(guest("nspawn", "ns1", "", "", machines+"/ns1"))},
		{
			"service", "/machine.slice/systemd-nspawn@ns1.service",
			files{machines + "/ns1": "UNIT=systemd-nspawn@ns1.service\nCLASS=container\n"},
			guest("nspawn", "ns1", "", "", machines+"/ns1"),
		},
		{"service, machined not running", "/machine.slice/systemd-nspawn@ns1.service", nil, guest("nspawn", "ns1", "", "", "path")},
		{"a vm", "/machine.slice/machine-box.scope", files{machines + "/box": "SCOPE=machine-box.scope\nSERVICE=libvirt-qemu\nCLASS=vm\n"}, vm},
		{
			"another machine of that name", "/machine.slice/machine-ns1.scope",
			files{machines + "/ns1": "UNIT=other.service\nCLASS=container\n"},
			guest("nspawn", "ns1", "", "", "path"),
		},
		{"another unit", "/system.slice/container@w.service/payload", files{
			machines + "/unit:container@w.service": "-> web", machines + "/web": "UNIT=container@w.service\nSERVICE=systemd-nspawn\nCLASS=container\n",
		}, guest("nspawn", "web", "", "", machines+"/web")},
		{"no unit", "/payload", files{"/run/systemd/nspawn/propagate/n1/x": ""}, guest("nspawn", "n1", "", "", "/run/systemd/nspawn/propagate/n1")},
		{"no unit, beside others", "/payload", files{
			"/run/systemd/nspawn/propagate/n1/x": "", "/run/systemd/nspawn/propagate/ns1/x": "", machines + "/ns1": state,
		}, guest("nspawn", "n1", "", "", "/run/systemd/nspawn/propagate/n1")},
		{
			"no unit, two of them", "/payload",
			files{"/run/systemd/nspawn/propagate/n1/x": "", "/run/systemd/nspawn/propagate/n2/x": ""},
			guest("nspawn", "payload", "", "", "path"),
		},
		{"libvirt-lxc", `/machine.slice/machine-lxc\x2d77\x2ddom1.scope`, files{
			machines + "/lxc-77-dom1": "SCOPE=machine-lxc\\\\x2d77\\\\x2ddom1.scope\nSERVICE=libvirt-lxc\nID=0123456789abcdef0123456789abcdef\nCLASS=container\n",
		}, withUUID(guest("libvirt-lxc", "dom1", "77", "", machines+"/lxc-77-dom1"))},
		{"libvirt-lxc without systemd", "/machine/lxc-30349-lxcdom1.libvirt-lxc", nil, guest("libvirt-lxc", "lxcdom1", "30349", "", "path")},
		{"nomad", "/nomad.slice/share.slice/" + alc + ".web.scope", nil, guest("nomad", "web", alc, "", "path")},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestResolveRunc(t *testing.T) {
	state := func(paths string) string {
		return `{"id":"box","cgroup_paths":{` + paths + `},"config":{"labels":["bundle=/b","a=b"]}}`
	}
	source := "/run/runc/box/state.json"
	for _, tt := range []resolveTest{
		{"on v2", "/some/where", files{source: state(`"":"/sys/fs/cgroup/some/where"`)}, guest("runc", "box", "box", "", source)},
		{"on v1", "/some/where", files{source: state(`"cpu":"/sys/fs/cgroup/cpu/some/where"`)}, guest("runc", "box", "box", "", source)},
		{"its own scope", "/system.slice/runc-box.scope", files{source: state("")}, guest("runc", "box", "box", "", source)},
		{"crun", "/some/box", files{"/run/crun/box/status": `{"cgroup-path":"/some/box"}`}, guest("crun", "box", "box", "", "/run/crun/box/status")},
		{
			"an id of an engine's form", "/kubepods/burstable/pod" + uid + "/" + idA,
			files{"/run/runc/" + idA + "/state.json": state("")},
			guest("runc", idA[:12], idA, "", "/run/runc/"+idA+"/state.json"),
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestResolveVM(t *testing.T) {
	named := func(runtime, name, id, source string) Who {
		w := guest(runtime, name, id, "", source)
		w.Kind = model.VM
		return w
	}
	for _, tt := range []resolveTest{
		{"libvirt", `/machine.slice/machine-qemu\x2d1\x2dl2\x2dvm.1.scope`, nil, named("qemu", "l2-vm.1", "", "path")},
		{"libvirt without systemd", "/machine/qemu-1-tiny1.libvirt-qemu", nil, named("qemu", "tiny1", "", "path")},
		{"proxmox", "/qemu.slice/100.scope", files{"/etc/pve/qemu-server/100.conf": "name: mail\n"}, named("qemu", "mail", "100", "/etc/pve/qemu-server/100.conf")},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestLookupFindsNoStranger(t *testing.T) {
	root := files{
		bundles + "build/job1/config.json": `{"linux":{"cgroupsPath":"/build/job1"}}`,
		"/run/runc/box/state.json":         `{"cgroup_paths":{"":"/sys/fs/cgroup/x/box"}}`,
	}.write(t)
	for _, path := range []string{
		"/", "/job1", "/other/job1", "/build/job2", "/y/box", "/box", "/system.slice", "/docker/" + idA,
		"/docker/" + idA + "/build/job1", // of that container, not of the host
	} {
		if m, ok := NewResolver(root).Lookup(path); ok {
			t.Errorf("Lookup(%q) = %+v", path, m)
		}
	}
}

func TestResolveInsideAnother(t *testing.T) {
	host := NewResolver(files{
		"/run/incus/c2/lxc.conf":                                "",
		"/var/lib/docker/containers/" + idB + "/config.v2.json": dockerFile(idB, "wrong"),
		bundles + "default/t1/config.json":                      `{"annotations":{"nerdctl/name":"wrong"}}`,
		"/run/systemd/nspawn/propagate/n1/x":                    "",
		"/etc/pve/lxc/102.conf":                                 "hostname: wrong\n",
		machines + "/ns1":                                       "SCOPE=machine-ns1.scope\nCLASS=vm\n",
		"/var/log/containers/nothing-at-all":                    "",
		"/var/lib/containers/storage/nothing":                   "",
	}.write(t))
	inner := host.In(files{
		"/var/lib/docker/containers/" + idB + "/config.v2.json": dockerFile(idB, "inner"),
		bundles + "default/t1/config.json":                      `{"annotations":{"nerdctl/name":"right"}}`,
		bundles + "build/job1/config.json":                      `{"linux":{"cgroupsPath":"/build/job1"}}`,
	}.write(t))
	outer := "/docker/" + idA
	for _, tt := range []struct {
		name, path, byHost, byGuest string
	}{
		{"docker", outer + "/docker/" + idB, "docker/" + idB[:12], "docker/inner"},
		{"containerd", outer + "/default/t1", "containerd/t1", "containerd/right"},
		{"lxc", outer + "/lxc.payload.c2", "lxc/c2", "lxc/c2"},
		{"proxmox", outer + "/lxc/102", "lxc/102", "lxc/102"},
		{"nspawn", outer + "/machine.slice/machine-ns1.scope", "nspawn/ns1", "nspawn/ns1"},
		{"containerd, looked up", outer + "/build/job1", "", "containerd/build/job1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for r, want := range map[*Resolver]string{host: tt.byHost, inner: tt.byGuest} {
				m, ok := FromPath(tt.path)
				if !ok {
					m, ok = r.Lookup(tt.path)
				}
				if !ok {
					if want != "" {
						t.Errorf("no guest at %q, want %q", tt.path, want)
					}
					continue
				}
				if w := r.Resolve(tt.path, m); w.Runtime+"/"+w.Name != want {
					t.Errorf("Resolve(%q) = %s/%s, want %s", tt.path, w.Runtime, w.Name, want)
				}
			}
		})
	}
}

func TestLabelsAreThoseOfDockerAndOfAnnotations(t *testing.T) {
	r := NewResolver(files{
		"/var/lib/docker/containers/" + idA + "/config.v2.json": dockerFile(idA, "web"),
		bundles + "default/t1/config.json":                      `{"annotations":{"team":"b"}}`,
		overlay + "containers.json":                             storageFile(idB, "web", "x"),
		overlay + idB + "/userdata/config.json":                 `{"annotations":{"team":"c","io.container.manager":"libpod"}}`,
	}.write(t))
	for path, want := range map[string]string{
		"/docker/" + idA: "a", "/default/t1": "b", "/machine.slice/libpod-" + idB + ".scope": "c",
	} {
		m, _ := FromPath(path)
		if got := r.Resolve(path, m).Labels["team"]; got != want {
			t.Errorf("%s: label %q, want %q", path, got, want)
		}
	}
}

func TestResolveNeverLeavesANameEmpty(t *testing.T) {
	r := NewResolver(t.TempDir())
	for _, m := range []Match{{Kind: model.Container, ID: idA}, {Kind: model.Container, Runtime: "lxc"}, {Kind: model.VM}, {}} {
		if w := r.Resolve("/some/where", m); w.Name == "" || w.Runtime == "" {
			t.Errorf("Resolve(%+v) = %+v", m, w)
		}
	}
}
