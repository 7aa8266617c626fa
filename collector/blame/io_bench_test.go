package blame

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// BenchmarkUpdate is one update at a thousand guests, each with two disks, below a
// hundred units.
func BenchmarkUpdate(b *testing.B) {
	const total = 1000
	for _, waiting := range []int{0, 20, total} {
		var units []model.Unit
		for i := range 100 {
			units = append(units, model.Unit{Path: fmt.Sprintf("/unit%d", i), Name: fmt.Sprint(i), IO: devices(), Memory: model.Some(0)})
		}
		var guests []*model.Guest
		for i := range total {
			g := container(fmt.Sprint(i))
			g.Info.Cgroup = fmt.Sprintf("/unit%d/pod%d/%d", i%100, i, i)
			g.Pressure.IOWaiting, g.Pressure.MemoryWaiting = model.Some(0), model.Some(0)
			g.IO = devices()
			guests = append(guests, g)
		}
		node := &model.Node{Memory: model.Some(64 * gib)}
		for _, d := range devices() {
			node.Disks = append(node.Disks, model.NodeDisk{Device: d.Device, Read: d.Read, Write: d.Write, Busy: model.Some(0)})
		}
		step := func(now time.Duration) {
			for i, g := range guests {
				if i < waiting {
					g.Pressure.IOWaiting = g.Pressure.IOWaiting.Plus(model.Some(1))
					g.Pressure.MemoryWaiting = g.Pressure.MemoryWaiting.Plus(model.Some(1))
				}
				for j := range g.IO {
					g.IO[j].Read.Requests = g.IO[j].Read.Requests.Plus(model.Some(float64(i)))
				}
				g.Memory.Usage = model.Some(gib + now.Seconds()*float64(i)*mib)
			}
			for i := range node.Disks {
				node.Disks[i].Busy = model.Some(now.Seconds())
			}
		}
		run := func(name string, update func(time.Duration, []*model.Guest, *model.Node, []model.Unit)) {
			b.Run(fmt.Sprintf("%s/%d waiting", name, waiting), func(b *testing.B) {
				now := time.Duration(0)
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					now += 5 * time.Second
					step(now)
					b.StartTimer()
					update(now, guests, node, units)
				}
			})
		}
		io, memory := newIORing(DefaultCulprits), newMemoryRing(DefaultCulprits)
		run("io", io.update)
		run("memory", memory.update)
	}
}

func devices() []model.DeviceIO {
	var list []model.DeviceIO
	for _, device := range []string{"sda", "sdb"} {
		o := model.Operations{Requests: model.Some(0), Bytes: model.Some(0)}
		list = append(list, model.DeviceIO{Device: device, Layer: model.LayerHost, Read: o, Write: o})
	}
	return list
}
