package blame

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// cpuCrowd is a host with many guests, of which some are busy.
type cpuCrowd struct {
	guests []*model.Guest
	units  []model.Unit
	node   *model.Node
	busy   int
	waits  int // how many of them wait noticeably
	now    time.Duration
}

func newCPUCrowd(n, busy, waits int) *cpuCrowd {
	c := &cpuCrowd{busy: busy, waits: waits, node: &model.Node{CPUs: model.Some(16)}}
	all := cpus(0, 15)
	for i := range n {
		g := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: fmt.Sprintf("guest-%d", i)}}
		g.Info.Cgroup = fmt.Sprintf("/system.slice/docker-%d.scope", i)
		g.CPU.Allowed, g.CPU.Weight = all, model.Some(100)
		g.CPU.StealBy = []model.Stolen{{Cause: model.CauseUnexplained, Method: model.Estimated}}
		c.guests = append(c.guests, g)
	}
	for i := range 60 {
		c.units = append(c.units, model.Unit{Path: fmt.Sprintf("/system.slice/s%d.service", i), Name: fmt.Sprintf("s%d.service", i)})
	}
	return c
}

func (c *cpuCrowd) grow() {
	c.now += 5 * time.Second
	n := int(c.now / time.Second)
	for i, g := range c.guests {
		usage, wait := 0.002, 0.0005
		if i < c.busy {
			usage, wait = 3+float64((n*i)%17)/10, 2+float64(n%13)/10
		} else if i < c.waits {
			usage, wait = 0.02, 0.02+float64(n%13)/100
		}
		usage += g.CPU.Usage.Or(0)
		wait += g.CPU.Steal.Or(0)
		g.CPU.Usage, g.CPU.Run, g.CPU.Steal = model.Some(usage), model.Some(usage), model.Some(wait)
		g.CPU.StealBy[0].Seconds = wait
	}
	for i := range c.units {
		c.units[i].Usage = model.Some(c.units[i].Usage.Or(0) + 0.01)
	}
	c.node.CPUUsage = model.Some(c.node.CPUUsage.Or(0) + 60)
}

func BenchmarkCPUUpdate(b *testing.B) {
	for _, bb := range []struct{ guests, busy, waits int }{{100, 5, 0}, {1000, 20, 0}, {1000, 20, 1000}} {
		b.Run(fmt.Sprintf("%d guests, %d busy, %d wait", bb.guests, bb.busy, bb.waits), func(b *testing.B) {
			c, r := newCPUCrowd(bb.guests, bb.busy, bb.waits), newCPURing(5)
			for range slots {
				c.grow()
				r.update(c.now, c.guests, c.node, c.units)
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c.grow()
				b.StartTimer()
				r.update(c.now, c.guests, c.node, c.units)
			}
		})
	}
}

func TestUpdatesDoNotAllocateOnceAllIsKnown(t *testing.T) {
	c, r := newCPUCrowd(200, 20, 100), newCPURing(5)
	for range slots {
		c.grow()
		r.update(c.now, c.guests, c.node, c.units)
	}
	n := testing.AllocsPerRun(20, func() {
		c.grow()
		r.update(c.now, c.guests, c.node, c.units)
	})
	if n > 5 {
		t.Errorf("%v allocations for each update", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newCPURing(5)
	for i := range 300 {
		var guests []*model.Guest
		for j := range 100 {
			g := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: fmt.Sprint(i, " ", j)}}
			g.CPU.Usage = model.Some(1)
			guests = append(guests, g)
		}
		r.update(time.Duration(i)*time.Second, guests, nil, nil)
	}
	if n := len(r.guests); n > mostGone+100 || len(r.labels) != n {
		t.Errorf("%d guests are remembered, under %d labels", n, len(r.labels))
	}
}
