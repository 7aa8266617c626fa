package libvirt_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/sourcetest"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConforms(t *testing.T) {
	for name, server := range map[string]*libvirtd.Server{
		"QEMU":                {},
		"without a bulk call": {Type: "Xen", NoBulk: true},
		"test":                {Type: "TEST", StateOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, server)
			server.Add(libvirtd.Generate(3, 2, 2)...)
			server.Change("vm-2", func(d *libvirtd.Domain) { d.ID, d.State = -1, 5 })
			h.listen(t)
			// One connection at a time: what the daemon holds of the last one is
			// of this process too.
			sourcetest.Conform(t, func(t *testing.T) source.Source {
				eventually(t, "the daemon has no connection", func() bool { return server.Open() == 0 })
				s := h.open(t)
				return sourcetest.Between(s, func() {
					server.Change("vm-0", func(d *libvirtd.Domain) {
						d.Set("cpu.time", uint64(99999999999))
						d.Set("block.0.rd.reqs", uint64(70000))
						d.Set("vcpu.1.delay", uint64(99999999))
					})
				})
			})
		})
	}
}
