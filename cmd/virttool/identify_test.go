package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

const (
	idA = "f1223181df56da1a8186750f579d0883ad2b883e5eda72793732d6a3297e3230"
	idB = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	idC = "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd"
)

func config(id string) string { return "/var/lib/docker/containers/" + id + "/config.v2.json" }

func container(name string) string { return `{"Name":"/` + name + `","Config":{"Image":"nginx:1"}}` }

// hybrid is a host with cgroup v1 and v2, of which the processes lie in several
// ways.
func hybrid(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	sandbox := `{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"p","io.kubernetes.cri.sandbox-namespace":"n"}}`
	for name, content := range map[string]string{
		"/host" + config(idA): container("web"),
		"/host/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + idB + "/config.json": sandbox,
		"/proc/10/cgroup": "2:cpu,cpuacct:/docker/" + idA + "\n1:name=systemd:/docker/" + idA + "\n0::/docker/" + idA + "/init.scope\n",
		"/proc/11/cgroup": "3:memory:/machine/lxc-3-dom1.libvirt-lxc\n2:cpu:/\n0::/\n",
		"/proc/12/cgroup": "0::/system.slice/cron.service\n",
		"/proc/13/cgroup": "2:cpu:/docker/" + idA + "\n0::/system.slice/docker.service\n",
		"/proc/14/cgroup": "nonsense\n",
		"/proc/15/cgroup": "0::/docker/" + idA + "/docker/" + idB + "\n",
		// A container in a container of which no process is to be seen bears the
		// id of one on the host, and of one in the container around it.
		"/host" + config(idC):         container("wrong"),
		"/proc/20/root" + config(idC): container("wrong"),
		// What is inside the container, as one of its processes sees it.
		"/proc/20/root" + config(idB):                                               container("inner"),
		"/sys/fs/cgroup/unified/docker/" + idA + "/cgroup.procs":                    "",
		"/sys/fs/cgroup/unified/docker/" + idA + "/docker/" + idB + "/cgroup.procs": "15\n",
		"/sys/fs/cgroup/unified/docker/" + idA + "/init/cgroup.procs":               "20\n21\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func runOn(root string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	args = append(args, "--path.procfs="+root+"/proc", "--path.sysfs="+root+"/sys", "--path.rootfs="+root+"/host")
	code = run(append([]string{"identify"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func TestIdentify(t *testing.T) {
	root := hybrid(t)
	web := identified{Kind: "container", Runtime: "docker", Guest: "web", ID: idA, Source: config(idA)}
	inner := identified{Kind: "container", Runtime: "docker", Guest: "inner", ID: idB, Source: config(idB)}
	dom := identified{Kind: "container", Runtime: "libvirt-lxc", Guest: "dom1", ID: "3", Source: "path"}
	at := func(path string, i identified) identified { i.Path = path; return i }
	docker := "/docker/" + idA
	for _, tt := range []struct {
		name, arg string
		want      identified
	}{
		{"a path", docker, at(docker, web)},
		{"a path inside", docker + "/system.slice/x.service", at(docker+"/system.slice/x.service", web)},
		{"a path on v2", root + "/sys/fs/cgroup" + docker, at(docker, web)},
		{"a path on a hybrid host", root + "/sys/fs/cgroup/unified" + docker, at(docker, web)},
		{"a path of a controller", root + "/sys/fs/cgroup/cpu,cpuacct" + docker + "/", at(docker, web)},
		{"a process", "10", at(docker+"/init.scope", web)},
		{"a process that only controllers have", "11", at("/machine/lxc-3-dom1.libvirt-lxc", dom)},
		{"a process that hierarchies disagree on", "13", at(docker, web)},
		{"a process of a service", "12", identified{Path: "/system.slice/cron.service"}},
		{"a guest in a guest", docker + "/docker/" + idB, at(docker+"/docker/"+idB, inner)},
		{"a process of a guest in a guest", "15", at(docker+"/docker/"+idB, inner)},
		{
			"a guest in a guest without processes", "/lxc.payload.l1/docker/" + idC,
			at("/lxc.payload.l1/docker/"+idC, identified{Kind: "container", Runtime: "docker", Guest: idC[:12], ID: idC}),
		},
		{
			"a guest in a guest in a guest, without processes between", docker + "/lxc.payload.l1/docker/" + idC,
			at(docker+"/lxc.payload.l1/docker/"+idC, identified{Kind: "container", Runtime: "docker", Guest: idC[:12], ID: idC}),
		},
		{"a service", "/system.slice/cron.service", identified{Path: "/system.slice/cron.service"}},
		{"the root", "/", identified{Path: "/"}},
		{"the root of a hierarchy", root + "/sys/fs/cgroup/memory", identified{Path: "/"}},
		{"a helper", "/libpod_parent/conmon", identified{Path: "/libpod_parent/conmon"}},
		{"the sandbox of a pod", "/kubepods/x/" + idB, identified{Path: "/kubepods/x/" + idB}},
		{
			"the supervisor in a guest", "/machine.slice/machine-n1.scope/supervisor",
			identified{Path: "/machine.slice/machine-n1.scope/supervisor", Kind: "container", Runtime: "nspawn", Guest: "n1", Source: "path"},
		},
		{
			"a vm", "/machine/qemu-1-tiny1.libvirt-qemu/vcpu0",
			identified{Path: "/machine/qemu-1-tiny1.libvirt-qemu/vcpu0", Kind: "vm", Runtime: "qemu", Guest: "tiny1", Source: "path"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runOn(root, "--json", tt.arg)
			if code != 0 || stderr != "" {
				t.Fatalf("exit code %d, %s", code, stderr)
			}
			var got []identified
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]identified{tt.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCgroupsFromWithinACgroupNamespace(t *testing.T) {
	proc := t.TempDir()
	for pid, text := range map[string]string{
		"1": "2:cpu,cpuacct:/../../../init\n1:pids:/../x\n0::/../../..\n",
		"2": "2:cpu,cpuacct:/\n1:pids:/\n0::/../other\n",
	} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "cgroup"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	inside := kernel.CgroupNamespace{Unified: "/kubepods/pod1/a", CPU: "/kubepods/pod1/b"}
	h := host{procfs: proc, within: func() kernel.CgroupNamespace { return inside }}
	for pid, want := range map[string][]string{"1": {"/init", "/"}, "2": {"/kubepods/pod1/other", "/kubepods/pod1/b", "/"}} {
		got, err := h.cgroups(pid)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("of process %s: %v\n%s", pid, err, diff)
		}
	}
	inside = kernel.CgroupNamespace{}
	if got, err := h.cgroups("1"); err == nil {
		t.Errorf("from a namespace of which nothing is known: %q", got)
	}
}

func TestIdentifyPrintsTheOthersWhereOneFails(t *testing.T) {
	code, stdout, stderr := runOn(hybrid(t), "99", "/docker/"+idA, "14")
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := "web"; !strings.Contains(stdout, want) {
		t.Errorf("no %s in %q", want, stdout)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "no process 99") || !strings.Contains(lines[1], "process 14") {
		t.Errorf("stderr: %q", stderr)
	}
}

func TestIdentifyTable(t *testing.T) {
	_, stdout, _ := runOn(hybrid(t), "/docker/"+idA, "/", "/lxc.payload.a\tb")
	lines := strings.Split(stdout, "\n")
	for i, want := range [][]string{
		{"PATH", "KIND", "RUNTIME", "GUEST", "ID", "SOURCE"},
		{"/docker/" + idA, "container", "docker", "web", idA, config(idA)},
		{"/", "-", "-", "-", "-", "-"},
		{`"/lxc.payload.a\tb"`, "container", "lxc", `"a\tb"`, "-", "path"},
	} {
		if diff := cmp.Diff(want, strings.Fields(lines[i])); diff != "" {
			t.Errorf("line %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestIdentifyAnswersWithAnArrayWhateverHappens(t *testing.T) {
	code, stdout, _ := runOn(hybrid(t), "--json", "99")
	if code != 1 || strings.TrimSpace(stdout) != "[]" {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestBadCommandLineIsOneLine(t *testing.T) {
	for _, args := range [][]string{{"identify"}, {"identify", "--nosuch", "/"}, {"nosuch"}, {"identify", ""}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 1 {
			t.Errorf("%q: exit code %d, want 1", args, code)
		}
		if strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: stderr %q, want one line", args, stderr.String())
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--help"}, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), "identify") {
		t.Errorf("exit code %d, %q, %q", code, stdout.String(), stderr.String())
	}
}

func TestCellKeepsEscapesOfUnits(t *testing.T) {
	for s, want := range map[string]string{
		"": "-", `machine-a\x2db.scope`: `machine-a\x2db.scope`, "a b": `"a b"`, "a\x1bb": `"a\x1bb"`, "é": "é", `a"b`: `"a\"b"`,
	} {
		if got := cell(s); got != want {
			t.Errorf("cell(%q) = %s, want %s", s, got, want)
		}
	}
}
