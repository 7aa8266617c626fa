package fsprobe_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/sourcetest"
)

// With real helpers, on a directory of the test's machine.
func TestConform(t *testing.T) {
	sourcetest.Conform(t, func(t *testing.T) source.Source {
		s, err := fsprobe.New(fsprobe.Options{ProcFS: "/proc", Interval: time.Second, Mounts: []string{t.TempDir()}})
		if err != nil {
			t.Fatal(err)
		}
		s.Surrounded(source.Surroundings{Shared: []string{t.TempDir()}})
		return s
	})
}

func TestRealHelperLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := fsprobe.New(fsprobe.Options{ProcFS: "/proc", Interval: time.Second, Mounts: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Mounts) == 1 && len(r.Mounts[0].Probes) == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no probe within 30 s: %+v", r.Mounts)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left in %s, %v", len(left), filepath.Base(dir), err)
	}
}
