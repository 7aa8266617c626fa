package vmm

import (
	"os/exec"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// TestARealMachine runs QEMU with nothing but its firmware in it.
func TestARealMachine(t *testing.T) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Skip("needs qemu-system-x86_64")
	}
	s, err := New(Options{ProcFS: "/proc", RootFS: "/", MaxGuests: 1000, OpenFiles: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Read(t.Context()); err != nil {
		t.Logf("reading: %v", err) // others may end while they are read
	}
	const name, uuid = "virt-exporter-vmm-test", "5c6f1d8e-0506-4708-890a-0b0c0d0e0f17"
	cmd := exec.Command(qemu, "-accel", "tcg,tb-size=16", "-m", "64", "-nodefaults", "-display", "none", "-nic", "none",
		"-name", "guest="+name+",debug-threads=on", "-uuid", uuid)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed: how it ended is no news
		}
	}
	defer end()

	g := await(t, s, name, func(g model.Guest) bool {
		_, runs := g.CPU.Run.Get()
		return runs
	})
	if g.Runtime != "qemu" || g.Info.UUID != uuid || g.Info.Accelerator != "tcg" {
		t.Errorf("found %v with %+v", g.Name, g.Info)
	}
	want(t, "vCPUs", g.CPU.CPUs, 1)
	wantAbsent(t, "guest time", g.CPU.Guest)
	if rss, ok := g.Memory.Usage.Get(); !ok || rss < 1<<20 {
		t.Errorf("memory: %v (present: %v)", rss, ok)
	}
	start, _ := g.StartTime.Get()
	if age := float64(time.Now().Unix()) - start; age < -5 || age > 120 {
		t.Errorf("it started %v seconds ago", age)
	}
	usage, _ := g.CPU.Usage.Get()
	run, _ := g.CPU.Run.Get()
	if usage < run-0.05 {
		t.Errorf("usage is %v and its vCPU ran %v", usage, run)
	}

	end()
	r, _ := s.Read(t.Context())
	if _, ok := byName(r)[name]; ok {
		t.Error("it is still there after its end")
	}
}

// await reads until a machine is there and ok holds.
func await(t *testing.T, s *Source, name string, ok func(model.Guest) bool) model.Guest {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r, err := s.Read(t.Context())
		if err != nil {
			t.Logf("reading: %v", err) // others may end while they are read
		}
		if g, there := byName(r)[name]; there && ok(g) {
			return g
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not there after 30 s: %v", name, byName(r))
		}
	}
}
