package libvirt_test

import (
	"net"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

// large starts a daemon with 1,000 domains of 4 vCPUs and 3 disks.
func large(b *testing.B) *host {
	b.Helper()
	h := newHost(b, &libvirtd.Server{}).listen(b)
	h.Add(libvirtd.Generate(1000, 4, 3)...)
	return h
}

// What a reading costs when the details of all domains are known.
func BenchmarkRead1000x4x3(b *testing.B) {
	h := large(b)
	now := time.Unix(1795246137, 0)
	s := h.open(b, func(o *libvirt.Options) { o.Now = func() time.Time { return now } })
	for range 21 { // 50 details each
		read(b, s)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := read(b, s); len(r.Guests) != 1000 {
			b.Fatalf("%d guests", len(r.Guests))
		}
	}
}

// What it costs to send the same request and to have the client library decode
// the same reply.
func BenchmarkDecodeOnly(b *testing.B) {
	h := large(b)
	c, err := net.Dial("unix", h.socket("libvirt-sock-ro"))
	if err != nil {
		b.Fatal(err)
	}
	v := golibvirt.NewWithDialer(dialers.NewAlreadyConnected(c))
	if err := v.ConnectToURI(golibvirt.QEMUSystem); err != nil {
		b.Fatal(err)
	}
	defer v.Disconnect()
	b.ReportAllocs()
	for b.Loop() {
		stats, err := v.ConnectGetAllDomainStats(nil, 1|2|4|8|16|32|1024, 1|1<<29)
		if err != nil || len(stats) != 1000 {
			b.Fatalf("%d domains, error %v", len(stats), err)
		}
	}
}
