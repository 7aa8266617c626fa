package collector_test

import (
	"context"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/fixtures/hostfs"
)

// kernelOf returns the programs in the kernel of a host that has some.
func kernelOf(h *hostfs.Host) source.Source {
	if h.Note("programs") == "" {
		return nil
	}
	return &fakeKernel{}
}

// fakeKernel sees of the guests that it is told of the same again with each reading.
type fakeKernel struct {
	told []source.Guest
	n    int
}

func (k *fakeKernel) Name() string { return "bpf" }

func (k *fakeKernel) Close() error { return nil }

func (k *fakeKernel) Surrounded(s source.Surroundings) { k.told = s.Guests }

func (k *fakeKernel) Read(context.Context) (model.Reading, error) {
	r := model.Reading{
		Programs: []model.Program{
			{Name: "sched", Loaded: true, Coverage: model.Some(0.9875), Lost: []model.Lost{{Reason: "no_slot", Count: model.Some(0)}}},
			{Name: "kvm"},
		},
		Features: []model.Feature{{Name: "sched"}, {Name: "kvm", Reason: model.NoPermission, Remedy: "CAP_SYS_ADMIN"}},
		Requests: []model.Requests{
			{Device: 39, Opcode: "getattr", Latency: latencies(k.n, 96*time.Microsecond, 410*time.Microsecond)},
			{Device: 39, Opcode: "read", Latency: latencies(k.n, 3*time.Millisecond)},
			{Device: 77, Opcode: "read", Latency: latencies(k.n, time.Second)}, // of a mount that nobody lists
		},
	}
	for _, g := range k.told {
		if g.Kind == model.VM {
			r.Measured = append(r.Measured, measuredMachine(g.Name, k.n))
		} else {
			r.Measured = append(r.Measured, measuredContainer(g.Name, k.n))
		}
	}
	k.n++
	return r, nil
}

// measuredMachine is what was seen of a machine in n readings.
func measuredMachine(name model.Name, n int) model.MeasuredGuest {
	return model.MeasuredGuest{
		Name:    name,
		Latency: latencies(n, 90*time.Microsecond, 2500*time.Microsecond, 11*time.Millisecond),
		Waits: []model.Stolen{
			{Cause: model.CauseNeighbour, Culprit: "container/docker/ac0b52a2ae6e", Method: model.Measured, Seconds: 0.3 * float64(n)},
		},
		VMMExits: []model.Exits{{Reason: "io", Count: times(n, 731)}, {Reason: "mmio", Count: times(n, 52)}},
		KVMExits: []model.Exits{{Reason: "hlt", Count: times(n, 2048)}, {Reason: "npf", Count: times(n, 312)}},
	}
}

func measuredContainer(name model.Name, n int) model.MeasuredGuest {
	waits := func(cause model.Cause, culprit string, seconds float64) model.Stolen {
		return model.Stolen{Cause: cause, Culprit: culprit, Method: model.Measured, Seconds: seconds * float64(n)}
	}
	return model.MeasuredGuest{
		Name: name, Run: times(n, 61.5), Steal: times(n, 7.25),
		Latency: latencies(n, 7*time.Microsecond, 34*time.Millisecond),
		Waits: []model.Stolen{
			waits(model.CauseNeighbour, "vm/firecracker/551e7604-e35c-42b3-b825-416853441234", 4.5),
			waits(model.CauseSystem, "backup.service", 1.25), waits(model.CauseKernel, "", 0.75), waits(model.CauseSelf, "", 0.5),
		},
		IO: []model.DeviceIO{{
			Device: "nvme0n1", Layer: model.LayerHost,
			Write: model.Operations{Requests: times(n, 1), Bytes: times(n, 16384), Seconds: times(n, 0.0003), DeviceSeconds: times(n, 0.00025), Latency: latencies(n, 240*time.Microsecond)},
			Flush: model.Operations{Requests: times(n, 1), Seconds: times(n, 0.0021), Latency: latencies(n, 2*time.Millisecond)},
			Read:  model.Operations{Requests: model.Some(0), Bytes: model.Some(0), Seconds: model.Some(0), Latency: &model.Histogram{}},
		}},
		ReclaimOwnLimit: times(n, 0.183), ReclaimHost: model.Some(0),
	}
}

func times(n int, v float64) model.Opt { return model.Some(float64(n) * v) }

// latencies holds each n times.
func latencies(n int, each ...time.Duration) *model.Histogram {
	h := new(model.Histogram)
	for range n {
		for _, d := range each {
			h.Observe(d)
		}
	}
	return h
}
