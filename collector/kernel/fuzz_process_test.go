package kernel

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func FuzzThreadComm(f *testing.F) {
	seed(f, []string{"stat", "stat.kthread"}, threadStat("a) (b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		comm, ok := ThreadComm(b)
		if ok != (comm != nil) || ok && !bytes.Contains(b, append(append([]byte("("), comm...), ')')) {
			t.Errorf("%q gives %q, %t", b, comm, ok)
		}
		// The parser of the rest agrees on where the name ends.
		var s ThreadStat
		if ok && ParseThreadStat(b, &s) == nil && !bytes.Contains(b, append(comm, ") "+string([]byte{s.State})+" "...)) {
			t.Errorf("%q: the name %q is not followed by the state %c", b, comm, s.State)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	seed(f, []string{"status", "status.kthread"}, "Uid:\t0\t64055\t0\t0\nVmRSS:\t1 kB\nThreads:\t2\n")
	format := func(s Status) []string {
		lines := []string{fmt.Sprintf("Uid:\t7\t%d\t8\t9", s.UID)}
		add := func(has bool, key string, v uint64) {
			if has {
				lines = append(lines, fmt.Sprintf("%s:\t%8d kB", key, v>>10))
			}
		}
		add(s.HasRSS, "VmRSS", s.RSSBytes)
		add(s.HasKinds, "RssAnon", s.AnonBytes)
		add(s.HasKinds, "RssShmem", s.ShmemBytes)
		add(s.HasSwap, "VmSwap", s.SwapBytes)
		add(s.HasHugetlb, "HugetlbPages", s.HugetlbBytes)
		return append(lines, fmt.Sprintf("Threads:\t%d", s.Threads))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseStatus(b)
		checkError(t, b, err)
		dirty := Status{RSSBytes: 1, AnonBytes: 2, SwapBytes: 3, HasRSS: true, HasKinds: true, HasSwap: true, UID: 4, Threads: 5}
		if err2 := ParseStatus(b, &dirty); got != dirty || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("%q gives %+v, %v; into a used struct %+v, %v", b, got, err, dirty, err2)
		}
		if err != nil {
			return
		}
		text := strings.Join(format(got), "\n") + "\n"
		if again, err := parseStatus([]byte(text)); err != nil || again != got {
			t.Errorf("%+v comes back as %+v, %v", got, again, err)
		}
	})
}

func FuzzParseProcCgroup(f *testing.F) {
	seed(f, []string{"proc.cgroup"}, "0::/a (deleted)\n", "3:cpu,cpuacct:/a:b\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		var p ProcCgroup
		err := ParseProcCgroup(b, &p)
		checkError(t, b, err)
		if err != nil {
			return
		}
		checkCutOff(t, b, func(b []byte) error { _, err := parseProcCgroup(b); return err })
		var text strings.Builder
		for head, path := range map[string][]byte{"0:": p.Unified, "2:x,cpu": p.CPU, "1:memory,x": p.Memory} {
			if path == nil {
				continue
			}
			if path[0] != '/' || bytes.IndexByte(path, '\n') >= 0 || !bytes.Contains(b, append([]byte(":"), path...)) {
				t.Errorf("%q gives the path %q", b, path)
			}
			text.WriteString(head + ":" + string(path) + " (deleted)\n")
		}
		want, _ := parseProcCgroup(b)
		if again, err := parseProcCgroup([]byte(text.String())); err != nil || again != want {
			t.Errorf("%+v comes back as %+v, %v", want, again, err)
		}
	})
}

func FuzzParseNUMAStat(f *testing.F) {
	seed(f, nil, "anon N0=1 N1=2\nfile N0=3 N1=4\n", "file N1=1\nanon N0=1\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, ok := checkSlice(t, b, []NodeBytes{{0, 7}, {1, 8}}, ParseNUMAStat, func(nodes []NodeBytes) string {
			anon, file := "anon", "file"
			for _, n := range nodes {
				anon += fmt.Sprintf(" N%d=%d", n.Node, n.Bytes/2)
				file += fmt.Sprintf(" N%d=%d", n.Node, n.Bytes-n.Bytes/2)
			}
			return "slab N0=1\n" + anon + "\n" + file + "\n"
		})
		if ok {
			checkNodes(t, b, nodes)
		}
	})
}

func FuzzParseNUMAStatV1(f *testing.F) {
	seed(f, []string{"memory.numa_stat.v1"}, "total=3 N0=1 N1=2\n", "hierarchical_total=3 N0=1 N1=2\n")
	parse := func(b []byte, dst []NodeBytes) ([]NodeBytes, error) { return ParseNUMAStatV1(b, 1, dst) }
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, ok := checkSlice(t, b, []NodeBytes{{0, 7}, {1, 8}}, parse, func(nodes []NodeBytes) string {
			total := "hierarchical_total=0"
			for _, n := range nodes {
				total += fmt.Sprintf(" N%d=%d", n.Node, n.Bytes)
			}
			return "total=1 N0=1\n" + total + "\n"
		})
		if ok {
			checkNodes(t, b, nodes)
		}
	})
}

// checkNodes checks that every node is listed once.
func checkNodes(t *testing.T, b []byte, nodes []NodeBytes) {
	t.Helper()
	seen := map[int32]bool{}
	for _, n := range nodes {
		if n.Node < 0 || seen[n.Node] {
			t.Errorf("%q gives %v", b, nodes)
		}
		seen[n.Node] = true
	}
}
