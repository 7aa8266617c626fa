package node

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// stolen reads the steal of all CPUs, in seconds, without the code under test.
func stolen(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Skipf("this machine has no /proc/stat: %v", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	columns := strings.Fields(line)
	if len(columns) < 9 || columns[0] != "cpu" {
		t.Fatalf("/proc/stat begins with %q", line)
	}
	ticks, err := strconv.ParseUint(columns[8], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return float64(ticks) / 100
}

func TestThisMachinesSteal(t *testing.T) {
	s, err := New(Options{CPUID: HypervisorVendor()})
	if err != nil {
		t.Fatal(err)
	}
	before := stolen(t)
	r, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	after := stolen(t)
	got, ok := r.Node.CPUSteal.Get()
	if !ok || got < before || got > after {
		t.Errorf("steal is %v, want it from %v to %v", got, before, after)
	}
	t.Logf("this machine: %+v", *r.Node)
}

// detect asks systemd-detect-virt, which says none when it finds nothing.
func detect(t *testing.T, kind string) string {
	t.Helper()
	path, err := exec.LookPath("systemd-detect-virt")
	if err != nil {
		t.Skip("systemd-detect-virt is not installed")
	}
	out, err := exec.Command(path, kind).Output()
	if len(out) == 0 {
		t.Fatalf("%s %s: %v", path, kind, err)
	}
	return strings.TrimSpace(string(out))
}

func TestThisMachineAsSystemdSeesIt(t *testing.T) {
	s, err := New(Options{CPUID: HypervisorVendor()})
	if err != nil {
		t.Fatal(err)
	}
	want := detect(t, "--vm")
	switch want {
	case "oracle":
		want = virtualbox
	case "none":
		want = ""
	}
	// Not compared: control domains, which systemd calls bare, and clouds that
	// its older versions do not know.
	got := s.facts.Hypervisor
	if got != want && got != xen && got != amazon && got != google {
		t.Errorf("hypervisor is %q, systemd says %q", got, want)
	}

	inContainer := s.facts.Role == model.RoleContainer
	switch c := detect(t, "--container"); {
	case (c == "docker" || c == "podman") && !inContainer && exists("/proc/2/comm"):
		t.Logf("systemd says %s for a file that is left over in this machine's root", c)
	case inContainer != (c != "none"):
		t.Errorf("role is %q, systemd says %q", s.facts.Role, c)
	}
}
