package libvirt

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// reportAge is how old what a guest says of its memory may be. Who lets guests
// report lets them do so every few seconds.
const reportAge = 10 * time.Minute

// features says what daemons and domains do not give, and what can be done.
func (s *Source) features() []model.Feature {
	var (
		running, silent, kvm, counted bool
		daemons, single               bool
	)
	for i, got := range s.results {
		if got == nil || got.records == nil {
			continue
		}
		known := s.known[i]
		daemons = true
		single = single || known.noBulk
		if known.driver != "QEMU" {
			continue
		}
		for _, m := range known.shown {
			g := &m.guest
			if answers, ok := g.MonitorAnswers.Get(); g.State != model.Running || !ok || answers == 0 {
				continue
			}
			running = true
			silent = silent || s.opts.Now().Unix()-int64(g.Memory.BalloonUpdated.Or(0)) > int64(reportAge.Seconds())
			kvm = kvm || g.Info.Accelerator == "kvm"
			counted = counted || len(g.Exits) > 0
		}
	}
	var list []model.Feature
	add := func(known bool, name string, missing bool, reason model.Reason, remedy string) {
		switch {
		case known && missing:
			list = append(list, model.Feature{Name: name, Reason: reason, Remedy: remedy})
		case known:
			list = append(list, model.Feature{Name: name})
		}
	}
	add(daemons, "libvirt_bulk_stats", single, model.NotSupported,
		"nothing to be done: the driver has no bulk call, and its domains are asked one by one")
	add(running, "balloon_stats", silent, model.NotConfigured,
		"let each guest report its memory: virsh dommemstat DOMAIN --period 10 --live --config")
	add(kvm, "kvm_stats", !counted, model.NotSupported,
		"use libvirt 8.9 or later with QEMU 7.1 or later, which pass KVM's statistics on")
	return list
}
