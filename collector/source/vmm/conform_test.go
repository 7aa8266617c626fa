package vmm

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/sourcetest"
)

func TestConforms(t *testing.T) {
	sourcetest.Conform(t, func(t *testing.T) source.Source {
		f := newFake(t)
		web, odd := libvirtQEMU(f, 100, "web", sharing(socket)...), f.qemu(200, "odd\xff\n")
		unknown := f.proc(300, "\xffvmm", "\xff")
		unknown.task(301, "\xff").guest = 1
		daemon := f.proc(90, "virtiofsd", "virtiofsd", "--socket-path="+socket, "--shared-dir=/srv/\xff")
		kernel := vhost(f, 50, 100)
		f.put(web, odd, unknown, daemon, kernel)
		s := f.open(func(o *Options) {
			o.Now = func() time.Duration { f.now += interval; return f.now }
		})
		return sourcetest.Between(s, func() {
			web.find(101).run, web.find(101).wait, web.find(101).guest = 9, 8, 7
			web.exit(102)
			odd.find(201).run = 3
			daemon.find(90).run = 2
			f.put(web, odd, daemon)
			f.end(kernel)
		})
	})
}
