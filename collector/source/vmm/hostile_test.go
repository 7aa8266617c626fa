package vmm

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestNamesOfProcessesMayBeAnything(t *testing.T) {
	for _, comm := range []string{
		"a) S 1 (b", "x\ny\nz", "((((", "))))", "\xff\xfe\x00"[:2], "qemu-system-\xff", "CPU 0/KVM) R 1", "", " ", strings.Repeat("é", 7) + "\xc3",
	} {
		t.Run(fmt.Sprintf("%q", comm), func(t *testing.T) {
			f := newFake(t)
			p := f.proc(100, comm, "/opt/\xff\xfe", "\xff)", "")
			v := p.task(101, comm)
			v.run, v.guest = 5, 4 // it is a hypervisor of some kind
			f.put(p)
			s := f.open()
			g := only(t, f.read(s))
			for _, text := range []string{g.Guest, g.Runtime, g.Info.ID} {
				if !utf8.ValidString(text) || len(text) > 3<<10 {
					t.Errorf("a text of it is %q", text)
				}
			}
			if g.Guest == "" || g.Runtime == "" {
				t.Errorf("it is called %v", g.Name)
			}
			v.wait = 2
			f.put(p)
			want(t, "steal", only(t, f.read(s)).CPU.Steal, 2)
		})
	}
}

func TestArgumentsMayBeLongAndMany(t *testing.T) {
	for what, argv := range map[string][]string{
		"one long":  {"/usr/bin/qemu-system-x86_64", "-name", strings.Repeat("x", 1<<20)},
		"many":      strings.Split("/usr/bin/qemu-system-x86_64"+strings.Repeat("\x00-name\x00a", 100_000), "\x00"),
		"no UTF-8":  {"/usr/bin/qemu-system-x86_64", "-name", strings.Repeat("\xff", 4<<10)},
		"all empty": make([]string, 200_000),
	} {
		t.Run(what, func(t *testing.T) {
			f := newFake(t)
			f.put(f.proc(100, "qemu-system-x86", argv...))
			s := f.open()
			f.read(s)
			for name := range f.read(s) {
				if len(name) > 3<<10 || !utf8.ValidString(name) || name == "" {
					t.Errorf("it has a name of %d bytes", len(name))
				}
			}
		})
	}
}

func TestAMachineWithVeryManyThreads(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100_000, "web")
	for i := range 5000 {
		p.task(200_000+i, "worker").run = 1
	}
	f.put(p)
	s := f.open()
	f.read(s)
	f.write("proc/100000/stat", stat(p, p.pid, p.comm, p.start, 5050, 0, 0))
	began := time.Now()
	g := f.read(s)["web"]
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("reading took %v", took)
	}
	within(t, "usage", g.CPU.Usage, 50, 0.02)
	if open := s.files.Open(); open > 100 {
		t.Errorf("%d files are open, the limit is 100", open)
	}
}

func TestFilesThatAreGarbageCostTheirMachineOnly(t *testing.T) {
	for _, file := range []string{"stat", "schedstat", "status", "cgroup", "task/101/stat"} {
		for _, garbage := range []string{"", "x", "\n", "100 (x) S 1\n", strings.Repeat("9", 100) + "\n"} {
			f := newFake(t)
			f.put(f.qemu(100, "bad"), f.qemu(200, "good"))
			s := f.open()
			f.read(s)
			f.write("proc/100/"+file, garbage)
			f.now += interval
			r, _ := s.Read(t.Context())
			if _, ok := byName(r)["good"]; !ok {
				t.Errorf("%s is %q: the other machine is not read", file, garbage)
			}
			s = f.open()
			r, _ = s.Read(t.Context())
			if _, ok := byName(r)["good"]; !ok {
				t.Errorf("%s is %q from the start: the other machine is not read", file, garbage)
			}
		}
	}
}

func TestErrorsOfAReadingAreBounded(t *testing.T) {
	f := newFake(t)
	for i := range 30 {
		f.put(f.qemu(100*(i+1), fmt.Sprint("vm", i)))
		f.write(fmt.Sprintf("proc/%d/status", 100*(i+1)), "x")
	}
	s := f.open()
	_, err := s.Read(t.Context())
	if err == nil || strings.Count(err.Error(), "\n") != 5 || !strings.Contains(err.Error(), "more") {
		t.Errorf("got %v", err)
	}
}
