package cgroup

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkUnits measures a host of nothing but services: what the units add to
// a reading of guests.
func BenchmarkUnits(b *testing.B) {
	for _, n := range []int{0, 60, maxUnits - 1} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			f := newFake(b)
			f.mkdir("sys/fs/cgroup/system.slice")
			for i := range n {
				path := fmt.Sprintf("/system.slice/a%d.service", i)
				f.cgroup(path)
				f.write("sys/fs/cgroup"+path+"/io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=7 dios=7\n")
			}
			s := f.open(func(o *Options) { o.OpenFiles, o.Recheck = 4096, 2*time.Minute })
			b.ReportAllocs()
			for b.Loop() {
				f.now += 15 * time.Second
				if _, err := s.Read(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
