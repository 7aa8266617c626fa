package kernel

import "testing"

// placed is ProcCgroup as strings, "none" for what is not there.
type placed struct{ Unified, CPU, Memory string }

func parseProcCgroup(b []byte) (placed, error) {
	var p ProcCgroup
	if err := ParseProcCgroup(b, &p); err != nil {
		return placed{}, err
	}
	text := func(path []byte) string {
		if path == nil {
			return "none"
		}
		return string(path)
	}
	return placed{text(p.Unified), text(p.CPU), text(p.Memory)}, nil
}

func TestParseProcCgroup(t *testing.T) {
	const vm = "/machine/qemu-1-tiny1.libvirt-qemu"
	run(t, []parseCase[placed]{
		{"hybrid", string(fixture(t, "proc.cgroup")), placed{vm + "/emulator", vm + "/emulator", vm}, nil},
		{"v2", "0::/machine.slice/x.scope\n", placed{"/machine.slice/x.scope", "none", "none"}, nil},
		{"v1", "4:memory:/m\n3:cpu,cpuacct:/c\n2:cpuset:/s\n1:name=systemd:/d\n", placed{"none", "/c", "/m"}, nil},
		{"cpu comes last", "3:cpuacct,cpu:/c\n", placed{"none", "/c", "none"}, nil},
		{"hierarchies that only begin alike", "3:cpuset,cpuacct:/c\n2:name=cpu:/d\n1:name=:/e\n", placed{"none", "none", "none"}, nil},
		{"colons in the path", "0::/a:b::c\n", placed{"/a:b::c", "none", "none"}, nil},
		{"removed", "3:cpu:/c (deleted)\n0::/a (deleted)\n", placed{"/a", "/c", "none"}, nil},
		{"outside of the namespace", "0::/../../a\n", placed{"/../../a", "none", "none"}, nil},
		{"at the root", "0::/\n", placed{"/", "none", "none"}, nil},
		{"no hierarchy", "", placed{"none", "none", "none"}, nil},
		{"cut off", "0::/a", placed{}, ErrTruncated},
		{"no path", "0::\n", placed{}, ErrMalformed},
		{"one colon", "0:/a\n", placed{}, ErrMalformed},
		{"no number", "x::/a\n", placed{}, ErrMalformed},
	}, parseProcCgroup)
}

func BenchmarkParseProcCgroup(b *testing.B) {
	in := fixture(b, "proc.cgroup")
	var p ProcCgroup
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseProcCgroup(in, &p); err != nil {
			b.Fatal(err)
		}
	}
}
