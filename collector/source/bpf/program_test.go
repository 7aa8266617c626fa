package bpf

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/sourcetest"
)

// requireBPF skips a test where no program can be loaded, and says why.
func requireBPF(t testing.TB) {
	t.Helper()
	s, err := New(Options{ProcFS: "/proc", SysFS: "/sys"})
	if err != nil {
		t.Skipf("programs cannot be loaded into this kernel: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestConform(t *testing.T) {
	requireBPF(t)
	sourcetest.Conform(t, func(t *testing.T) source.Source {
		s, err := New(Options{ProcFS: "/proc", SysFS: "/sys"})
		if err != nil {
			t.Fatal(err)
		}
		s.Surrounded(source.Surroundings{Guests: []source.Guest{container("x", "/x", "")}})
		awaitPlaces(t, s, 1)
		return s
	})
}

// awaitPlaces waits until so many guests have their places.
func awaitPlaces(t testing.TB, s *Source, guests int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		n := len(s.places.guests)
		s.mu.Unlock()
		if n == guests {
			return
		}
	}
	t.Fatalf("there are not %d guests within 10 s", guests)
}

func kernelOf(t testing.TB, s *Source) *view {
	t.Helper()
	e, err := s.env()
	if err != nil {
		t.Fatal(err)
	}
	return e.kernel
}
