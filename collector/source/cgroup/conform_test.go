package cgroup_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/cgroup"
	"github.com/virt-exporter/virt_exporter/collector/source/sourcetest"
	"github.com/virt-exporter/virt_exporter/fixtures/hostfs"
)

func TestConforms(t *testing.T) {
	for _, name := range []string{"docker-cgroupfs-hybrid", "docker-systemd-v2", "incus", "odd-names", "v1-legacy"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("../../../fixtures/hosts", name)
			sourcetest.Conform(t, func(t *testing.T) source.Source {
				h := hostfs.Open(t, filepath.Join(dir, "host.txtar"))
				now := 12 * 24 * time.Hour
				s, err := cgroup.New(cgroup.Options{
					ProcFS: h.ProcFS(), SysFS: h.SysFS(), RootFS: h.Root, MaxGuests: 100, OpenFiles: 1000,
					Now: func() time.Duration { now += 15 * time.Second; return now },
				})
				if err != nil {
					t.Fatal(err)
				}
				return sourcetest.Between(s, func() { h.Apply(t, filepath.Join(dir, "later.txtar")) })
			})
		})
	}
}
