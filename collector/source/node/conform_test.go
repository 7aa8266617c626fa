package node_test

import (
	"path/filepath"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/node"
	"github.com/virt-exporter/virt_exporter/collector/source/sourcetest"
	"github.com/virt-exporter/virt_exporter/fixtures/hostfs"
)

func TestConforms(t *testing.T) {
	const dir = "../../../fixtures/hosts/vm-guest"
	sourcetest.Conform(t, func(t *testing.T) source.Source {
		h := hostfs.Open(t, filepath.Join(dir, "host.txtar"))
		s, err := node.New(node.Options{ProcFS: h.ProcFS(), SysFS: h.SysFS(), RootFS: h.Root, CPUID: h.Note("cpuid")})
		if err != nil {
			t.Fatal(err)
		}
		return sourcetest.Between(s, func() { h.Apply(t, filepath.Join(dir, "later.txtar")) })
	})
}
