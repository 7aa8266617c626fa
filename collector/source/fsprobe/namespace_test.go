package fsprobe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestFindMountsOfGuests(t *testing.T) {
	type proc struct {
		pid       int
		namespace uint64
		cgroup    string
		lines     []string
	}
	for _, tc := range []struct {
		name  string
		procs []proc
		want  []string
	}{
		{
			"of containers, and not of others",
			[]proc{
				{5, 2, "/docker/web", []string{"0:50" + overlayRoot, "0:51 / /nfs nfs4 s:/a rw"}},
				{6, 3, "/system.slice/private.service", []string{diskRoot, "0:52 / /nfs nfs4 s:/b rw"}},
				{7, 4, "/vm/m", []string{diskRoot, "0:53 / /nfs nfs4 s:/c rw"}},
				{8, 1, "/docker/same", []string{diskRoot, "0:54 / /nfs nfs4 s:/d rw"}},
			},
			[]string{"web:/nfs nfs 501"},
		},
		{
			"what this machine has is not listed again",
			[]proc{{5, 2, "/docker/web", []string{"0:50" + overlayRoot, "0:30 /sub /v virtiofs host rw", "254:0 /srv /data ext4 /dev/vda rw"}}},
			nil,
		},
		{
			"one for each superblock, whoever shares it",
			[]proc{
				{5, 2, "/docker/web", []string{"0:50" + overlayRoot, "0:51 / /network nfs4 s:/a rw"}},
				{6, 3, "/docker/db", []string{"0:60" + overlayRoot, "0:51 / /nfs nfs4 s:/a rw"}},
				{7, 4, "/docker/db/service", []string{"0:60" + overlayRoot, "0:51 /x /n nfs4 s:/a rw", "0:61 / /own nfs4 s:/b rw"}},
			},
			[]string{"db:/nfs nfs 601", "db:/own nfs 702"},
		},
		{
			"whose first process came from outside",
			[]proc{
				{5, 2, "/user.slice", []string{"0:50" + overlayRoot, "0:51 / /nfs nfs4 s:/a rw"}},
				{6, 2, "/docker/web", []string{"0:50" + overlayRoot, "0:51 / /nfs nfs4 s:/a rw"}},
			},
			[]string{"web:/nfs nfs 601"},
		},
		{
			"whose first process has changed its root",
			[]proc{
				{5, 2, "/docker/web", []string{"0:51 / /nfs nfs4 s:/a rw"}},
				{6, 2, "/docker/web", []string{"0:50" + overlayRoot, "0:51 / /srv/jail/nfs nfs4 s:/a rw"}},
			},
			[]string{"web:/srv/jail/nfs nfs 601"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProcTree(t)
			p.add(1, 1, "/init.scope", diskRoot, "0:30 / /hidden/by/none virtiofs host rw")
			for _, q := range tc.procs {
				p.add(q.pid, q.namespace, q.cgroup, q.lines...)
			}
			f := newFinder(finderOptions{procFS: p.dir, guestOf: byCgroup})
			want := append([]string{"/hidden/by/none virtiofs 101"}, tc.want...)
			if diff := cmp.Diff(want, list(t, f, 0)); diff != "" {
				t.Errorf("mounts differ (-want +got):\n%s", diff)
			}
			got, _ := f.find(0)
			for _, m := range got[1:] {
				if want := fmt.Sprintf("%s/%d/root", p.dir, m.mount.ID/100); m.root != want {
					t.Errorf("%s is reached through %s, want %s", m.path, m.root, want)
				}
			}
			f.guestOf = nil
			if got := list(t, f, 0); len(got) != 1 {
				t.Errorf("guests were not asked for: %q", got)
			}
		})
	}
}

// cgroupsOf looks into each hierarchy.
func TestGuestIsFoundInEveryHierarchy(t *testing.T) {
	for name, cgroup := range map[string]string{
		"v2":                 "0::/docker/web\n",
		"v1":                 "5:memory:/docker/web\n4:cpu,cpuacct:/\n",
		"hybrid":             "4:cpu,cpuacct:/docker/web\n1:name=systemd:/x\n0::/system.slice/docker.service\n",
		"a cgroup namespace": "0::/../../docker/web\n",
		"removed":            "0::/docker/web (deleted)\n",
	} {
		p := newProcTree(t)
		p.add(1, 1, "/", diskRoot)
		p.add(5, 2, "", "0:50"+overlayRoot, "0:51 / /nfs nfs4 s:/a rw")
		p.write(5, "cgroup", cgroup)
		if got := list(t, newFinder(finderOptions{procFS: p.dir, guestOf: byCgroup}), 0); len(got) != 1 {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestNamespacesAreReadNowAndThen(t *testing.T) {
	p := newProcTree(t)
	root, a, b, c := "0:50"+overlayRoot, "0:51 / /a nfs4 s:/a rw", "0:52 / /b nfs4 s:/b rw", "0:53 / /c nfs4 s:/c rw"
	p.add(1, 1, "/", diskRoot)
	p.add(5, 2, "/docker/web", root, a)
	f := newFinder(finderOptions{procFS: p.dir, guestOf: byCgroup})
	check := func(now time.Duration, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, list(t, f, now)); diff != "" {
			t.Errorf("at %v mounts differ (-want +got):\n%s", now, diff)
		}
	}
	at := 7 * time.Hour
	check(at, "web:/a nfs 501")

	p.add(5, 2, "/docker/web", root, a, b) // an engine is at work
	check(at+rereadSoon-1, "web:/a nfs 501")
	check(at+rereadSoon, "web:/a nfs 501", "web:/b nfs 502")

	p.add(5, 2, "/docker/web", root, b)
	check(at+rereadSoon+reread-1, "web:/a nfs 501", "web:/b nfs 502")
	check(at+2*reread, "web:/b nfs 501")

	p.add(9, 2, "/docker/web", root, c) // the process through which it is seen ends
	check(at+2*reread, "web:/b nfs 501")
	p.end(5)
	check(at+2*reread, "web:/c nfs 901")

	p.add(9, 3, "/docker/db", root, a) // which enters another namespace
	check(at+2*reread+rereadSoon, "db:/a nfs 901")
	p.end(9)
	check(at + 2*reread + rereadSoon)
	if n, m := len(f.spaces.byID), len(f.spaces.residents); n != 0 || m != 2 { // 1 and 2
		t.Errorf("%d namespaces and %d processes are kept", n, m)
	}
}

func TestGuestThatIsNamedLate(t *testing.T) {
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot)
	p.add(5, 2, "/docker/web", "0:50"+overlayRoot, "0:51 / /a nfs4 s:/a rw")
	known := map[string]model.Name{}
	f := newFinder(finderOptions{
		procFS:  p.dir,
		guestOf: func(cgroup string) (model.Name, bool) { n, ok := known[cgroup]; return n, ok },
		named:   []Named{{Runtime: "docker", Guest: "web", Path: "/"}},
	})
	if got := list(t, f, 0); len(got) != 0 {
		t.Errorf("nobody's mounts: %q", got)
	}
	for _, name := range []string{"0123456789ab", "web"} {
		known["/docker/web"] = model.Name{Kind: model.Container, Runtime: "docker", Guest: name}
		want := []string{name + ":/a nfs 501"}
		if name == "web" {
			want = []string{"web:/ overlay 500 *", "web:/a nfs 501"}
		}
		if diff := cmp.Diff(want, list(t, f, time.Second)); diff != "" {
			t.Errorf("as %s mounts differ (-want +got):\n%s", name, diff)
		}
	}
	delete(known, "/docker/web")
	if got := list(t, f, 2*time.Second); len(got) != 0 {
		t.Errorf("no guest any more: %q", got)
	}
}

func TestNamespacesAreBounded(t *testing.T) {
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot)
	s := newNamespaces(p.dir, p.dir+"/1", kernel.CgroupNamespace{})
	s.gen = 1
	for id := range uint64(maxNamespaces + 10) {
		for pid := int32(20); pid > 0; pid-- {
			s.saw(id, pid)
		}
	}
	if len(s.byID) != maxNamespaces {
		t.Errorf("%d namespaces", len(s.byID))
	}
	if diff := cmp.Diff([]int32{1, 2, 3, 4}, s.byID[0].pids); diff != "" {
		t.Errorf("processes differ (-want +got):\n%s", diff)
	}
}

func TestStrangeProcesses(t *testing.T) {
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot)
	p.write(5, "mountinfo", "")                                             // no namespace
	p.add(6, 2, "/docker/web")                                              // no mounts
	p.add(7, 3, "/docker/db", "0:50"+overlayRoot, "0:51 / /a nfs4 s:/a rw") // no cgroup
	p.add(8, 4, "/docker/x", "0:52"+overlayRoot, "0:53 / /b nfs4 s:/b rw")  // no name of a namespace
	p.write(7, "cgroup", "garbage\n")
	link := p.dir + "/8/ns/mnt"
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("net:[4]", link); err != nil {
		t.Fatal(err)
	}
	f := newFinder(finderOptions{procFS: p.dir, guestOf: byCgroup})
	if got := list(t, f, 0); len(got) != 0 || f.denied() {
		t.Errorf("got %q, denied %v", got, f.denied())
	}
}

// 1,000 containers of five processes and 25 mounts, and their root file systems on
// the machine.
func BenchmarkFind(b *testing.B) {
	p := newProcTree(b)
	home := []string{diskRoot, "0:31 / /mnt/v virtiofs share rw"}
	for i := range 1000 {
		lower := "rw,lowerdir=" + strings.Repeat("/var/lib/docker/overlay2/l/4OKPWP5P43SMGNRI5H5GF2HD22:", 10)
		home = append(home, fmt.Sprintf("0:%d / /var/lib/docker/overlay2/%064d/merged overlay overlay %s", 1000+i, i, lower))
		lines := []string{fmt.Sprintf("0:%d%s", 1000+i, overlayRoot), fmt.Sprintf("0:%d / /share nfs4 s:/a rw", 5000+i%10)}
		for j := range 23 {
			lines = append(lines, fmt.Sprintf("0:%d / /sys/fs/cgroup/%d cgroup cgroup rw", 100+j, j))
		}
		for j := range 5 {
			p.add(10+5*i+j, uint64(10+i), fmt.Sprintf("/docker/c%d", i), lines...)
		}
	}
	p.add(1, 1, "/", home...)
	for name, step := range map[string]time.Duration{"known": 0, "new": reread + time.Minute} {
		b.Run(name, func(b *testing.B) {
			f := newFinder(finderOptions{procFS: p.dir, guestOf: byCgroup})
			now := time.Duration(0)
			b.ReportAllocs()
			for b.Loop() {
				got, err := f.find(now)
				if err != nil || len(got) != 11 {
					b.Fatalf("%d mounts, %v", len(got), err)
				}
				now += step
			}
		})
	}
}
