package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const loop0, vda, vdb = 7 << 20, 254 << 20, 254<<20 | 16

// ioHost has disks, and guests with slots: a container 10, with a machine 11 and 12
// inside it, and another container 13.
type ioHost struct {
	*fakeHost
	*ioFigures
	outer, inner, other *guest
}

func newIOHost(t *testing.T) *ioHost {
	h := &ioHost{fakeHost: newFakeHost(t)}
	for number, name := range map[string]string{"254:0": "vda", "7:0": "loop0"} {
		h.disk(number, name)
	}
	h.ioFigures = newIOFigures(h.dir + "/sys")
	h.outer, h.inner, h.other = &guest{slot: 10}, &guest{slot: 11, helpers: 12}, &guest{slot: 13}
	h.inner.around = h.outer
	for _, g := range []*guest{h.outer, h.inner, h.other} {
		g.guest = g
	}
	return h
}

func (h *ioHost) disk(number, name string, below ...string) {
	h.Helper()
	h.file("sys/devices/"+name+"/dev", number)
	for _, b := range below {
		h.file("sys/devices/"+name+"/slaves/"+b+"/dev", "")
	}
	link := filepath.Join(h.dir, "sys/dev/block", number)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.Symlink("../../devices/"+name, link); err != nil {
		h.Fatal(err)
	}
}

// done is as many requests, of 4096 bytes and 2 ms each, of them 1 ms in the device.
func done(requests uint64) *ioDone {
	d := &ioDone{Requests: requests, Bytes: 4096 * requests, NS: 2e6 * requests, DeviceNS: 1e6 * requests}
	d.Buckets[model.Slot(2e-3)] = requests
	return d
}

func operations(requests uint64) model.Operations {
	d := done(requests)
	o := model.Operations{
		Requests: model.Some(float64(requests)), Bytes: model.Some(float64(d.Bytes)),
		Seconds: model.Some(float64(d.NS) / 1e9), DeviceSeconds: model.Some(float64(d.DeviceNS) / 1e9),
		Latency: &model.Histogram{Sum: float64(d.NS) / 1e9},
	}
	o.Latency.Counts = d.Buckets
	return o
}

func (h *ioHost) expect(g *guest, want ...model.DeviceIO) {
	h.Helper()
	for i := range want {
		want[i].Layer = model.LayerHost
	}
	if diff := cmp.Diff(want, h.report(g, nil), cmp.AllowUnexported(model.Opt{}), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		h.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRequestsAreGivenByGuestDeviceAndOperation(t *testing.T) {
	h := newIOHost(t)
	nobody := &owner{}
	h.add(0, &h.outer.owner, ioKey{vda, 10, ioRead}, done(1))
	h.add(0, &h.inner.owner, ioKey{vda, 11, ioRead}, done(10))
	h.add(0, &h.inner.owner, ioKey{vda, 12, ioRead}, done(100))
	h.add(0, &h.inner.owner, ioKey{vda, 12, ioWrite}, done(5))
	h.add(0, &h.inner.owner, ioKey{loop0, 12, ioFlush}, &ioDone{Requests: 3})
	h.add(0, &h.other.owner, ioKey{vdb, 13, ioDiscard}, done(7))
	h.add(0, nobody, ioKey{vda, slotOther, ioRead}, done(1000))
	h.add(0, nobody, ioKey{vda, slotOther, ioDrain}, done(1))
	h.add(0, nobody, ioKey{vda, slotOther, ioOps}, done(1)) // of an object that knows more than we do

	flushed := model.DeviceIO{Device: "loop0", Flush: model.Operations{Requests: model.Some(3)}}
	h.expect(h.outer, flushed, model.DeviceIO{Device: "vda", Read: operations(111), Write: operations(5)})
	h.expect(h.inner, flushed, model.DeviceIO{Device: "vda", Read: operations(110), Write: operations(5)})
	h.expect(h.other, model.DeviceIO{Device: "254:16", Discard: operations(7)})
	h.expect(&guest{})
	if n := h.totals[vda][ioRead].Requests; n != 1111 {
		t.Errorf("everybody read %d times, not 1111", n)
	}
}

func TestASlotThatIsUsedAgainBeginsAt0(t *testing.T) {
	h := newIOHost(t)
	h.add(0, &h.outer.owner, ioKey{vda, 10, ioRead}, done(4))
	h.add(0, &h.outer.owner, ioKey{vda, 10, ioRead}, done(6))
	h.other.slot = 10
	h.add(0, &h.other.owner, ioKey{vda, 10, ioRead}, done(6))
	h.expect(h.other)
	h.add(0, &h.other.owner, ioKey{vda, 10, ioRead}, done(9))
	h.expect(h.other, model.DeviceIO{Device: "vda", Read: operations(3)})
	h.expect(h.outer, model.DeviceIO{Device: "vda", Read: operations(6)})
	h.forgetKeys()
	h.add(0, &h.other.owner, ioKey{vda, 10, ioRead}, done(2))
	h.expect(h.other, model.DeviceIO{Device: "vda", Read: operations(5)})
}

func TestWhatIsIdleLeavesTheKernelAndIsStillCounted(t *testing.T) {
	h := newIOHost(t)
	key := ioKey{vda, 10, ioRead}
	h.add(time.Minute, &h.outer.owner, key, done(4))
	for _, c := range []struct {
		now  time.Duration
		idle int
	}{{2 * time.Minute, 0}, {time.Minute + forgotten, 0}, {3*time.Minute + forgotten, 1}, {5*time.Minute + forgotten, 0}} {
		idle := h.sweep(c.now)
		if len(idle) != c.idle {
			t.Errorf("at %v: %d keys are to be removed, not %d", c.now, len(idle), c.idle)
		}
		for _, key := range idle {
			h.removed(key)
		}
	}
	h.add(time.Hour, &h.outer.owner, key, done(1))
	h.expect(h.outer, model.DeviceIO{Device: "vda", Read: operations(5)})
}

func TestGuestsAndDisksThatAreGoneAreForgotten(t *testing.T) {
	h := newIOHost(t)
	h.add(0, &h.outer.owner, ioKey{vda, 10, ioRead}, done(1))
	h.add(0, &h.outer.owner, ioKey{loop0, 10, ioRead}, done(1))
	h.add(0, &h.other.owner, ioKey{vda, 13, ioRead}, done(1))
	h.expect(h.other, model.DeviceIO{Device: "vda", Read: operations(1)})
	h.disks.get(loop0)
	if err := os.Remove(h.dir + "/sys/dev/block/7:0"); err != nil {
		t.Fatal(err)
	}
	h.other.gone, h.other.goneAt = true, time.Minute
	h.sweep(time.Minute + kept + time.Second)
	h.expect(h.outer, model.DeviceIO{Device: "vda", Read: operations(1)})
	h.expect(h.other)
	if len(h.guests) != 1 || len(h.totals) != 1 {
		t.Errorf("%d guests and %d disks are remembered", len(h.guests), len(h.totals))
	}
}

func TestADiskThatLiesOnOthersIsLeftToThose(t *testing.T) {
	h := newIOHost(t)
	h.disk("253:0", "dm-0", "vda", "vdb")
	h.add(0, &h.outer.owner, ioKey{253 << 20, 10, ioRead}, done(1))
	h.add(0, &h.outer.owner, ioKey{vda, 10, ioRead}, done(1))
	h.expect(h.outer, model.DeviceIO{Device: "vda", Read: operations(1)})
}

func BenchmarkBlockFigures(b *testing.B) {
	f := newIOFigures("/nowhere")
	guests := make([]*guest, 1000)
	for i := range guests {
		guests[i] = &guest{slot: uint16(i + 10), about: container(fmt.Sprint(i), "", "")}
		guests[i].guest = guests[i]
	}
	var round uint64
	for b.Loop() {
		round++
		for _, g := range guests {
			for op := range uint16(3) {
				f.add(0, &g.owner, ioKey{vda, g.slot, op}, done(round))
			}
		}
	}
}

// The paths of an NVMe disk with several have numbers, and /sys does not have them.
func TestDiskThatSysDoesNotHaveIsNotForgotten(t *testing.T) {
	h := newIOHost(t)
	const path = 259<<20 | 7
	h.add(0, &h.other.owner, ioKey{path, 13, ioRead}, done(100))
	h.expect(h.other, model.DeviceIO{Device: "259:7", Read: operations(100)})
	h.sweep(2 * sweepEvery)
	h.add(2*sweepEvery, &h.other.owner, ioKey{path, 13, ioRead}, done(101))
	h.expect(h.other, model.DeviceIO{Device: "259:7", Read: operations(101)})
}
