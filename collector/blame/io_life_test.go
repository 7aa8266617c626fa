package blame

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// reading is a guest that has waited and done so much.
func reading(name string, waited, requests float64) *model.Guest {
	g := container(name)
	g.Pressure.IOWaiting = model.Some(waited)
	g.IO = []model.DeviceIO{{Device: "sda", Layer: model.LayerHost, Read: model.Operations{Requests: model.Some(requests)}}}
	return g
}

func expectParts(t *testing.T, list []model.Stolen, want map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(want, parts(list, 1), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
}

const second = time.Second

func TestAGuestThatWasThereBeforeStartsAtZero(t *testing.T) {
	r := newIORing(5)
	g := reading("a", 1000, 1e6)
	r.update(0, []*model.Guest{g}, nil, nil)
	if g.Blame.IOStall == nil {
		t.Error("it is not estimated")
	}
	expectParts(t, g.Blame.IOStall, map[string]float64{})
	g = reading("a", 1001, 1e6+10)
	r.update(5*second, []*model.Guest{g}, nil, nil)
	expectParts(t, g.Blame.IOStall, map[string]float64{"self": 1})
}

func TestAGuestBornLaterStartsWithAllOfIt(t *testing.T) {
	r := newIORing(5)
	r.update(0, []*model.Guest{reading("a", 0, 0)}, nil, nil)
	g := reading("b", 3, 100)
	r.update(5*second, []*model.Guest{reading("a", 0, 0), g}, nil, nil)
	expectParts(t, g.Blame.IOStall, map[string]float64{"unexplained": 3})
}

func TestPressureThatFallsBeginsAnew(t *testing.T) {
	r := newIORing(5)
	r.update(0, []*model.Guest{reading("a", 0, 0)}, nil, nil)
	r.update(5*second, []*model.Guest{reading("a", 4, 100)}, nil, nil)
	g := reading("a", 1, 10)
	r.update(10*second, []*model.Guest{g}, nil, nil)
	expectParts(t, g.Blame.IOStall, map[string]float64{"unexplained": 1})
}

func TestWithoutPressureNothingIsEstimated(t *testing.T) {
	r, m := newIORing(5), newMemoryRing(5)
	for i, g := range []*model.Guest{
		container("none"),
		{Name: model.Name{Kind: model.VM, Runtime: "esxi", Guest: "far", VMHost: "esx1"}, Pressure: model.Pressure{IOWaiting: model.Some(1)}},
		{Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: "ended"}, Ended: true, Pressure: model.Pressure{IOWaiting: model.Some(1)}},
	} {
		g.Blame = model.Blame{IOStall: []model.Stolen{{}}, MemoryStall: []model.Stolen{{}}}
		r.update(time.Duration(i)*second, []*model.Guest{g}, nil, nil)
		m.update(time.Duration(i)*second, []*model.Guest{g}, nil, nil)
		if g.Blame.IOStall != nil || g.Blame.MemoryStall != nil {
			t.Errorf("%s has %+v", g, g.Blame)
		}
	}
}

func TestAGuestThatHasEndedHasNone(t *testing.T) {
	r, m := newIORing(5), newMemoryRing(5)
	for i := range 2 {
		g := reading("a", 1, 1)
		g.Pressure.MemoryWaiting = model.Some(1)
		g.Ended = i == 1
		r.update(time.Duration(i)*second, []*model.Guest{g}, nil, nil)
		m.update(time.Duration(i)*second, []*model.Guest{g}, nil, nil)
		if (g.Blame.IOStall == nil) != g.Ended || (g.Blame.MemoryStall == nil) != g.Ended {
			t.Errorf("ended %v: %+v", g.Ended, g.Blame)
		}
	}
}

func TestTheSecondOfTwoWithOneNameIsIgnored(t *testing.T) {
	r := newIORing(5)
	first, second := reading("a", 10, 0), reading("a", 3, 0)
	r.update(0, []*model.Guest{first, second}, nil, nil)
	if first.Blame.IOStall == nil || second.Blame.IOStall != nil {
		t.Errorf("they have %v and %v", first.Blame.IOStall, second.Blame.IOStall)
	}
}

func TestWhatIsMissingIsRememberedTenMinutes(t *testing.T) {
	other := func() *model.Guest { return reading("other", 0, 0) }
	for _, tt := range []struct {
		name string
		back time.Duration
		want map[string]float64
	}{
		{"back soon", 9 * time.Minute, map[string]float64{"self": 1, "unexplained": 2}},
		{"back late", 11 * time.Minute, map[string]float64{"unexplained": 13}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newIORing(5)
			r.update(0, []*model.Guest{reading("a", 10, 0), other()}, nil, nil)
			r.update(5*second, []*model.Guest{reading("a", 11, 10), other()}, nil, nil)
			for now := 10 * second; now < tt.back; now += 10 * second {
				r.update(now, []*model.Guest{other()}, nil, nil)
			}
			g := reading("a", 13, 1e6)
			r.update(tt.back, []*model.Guest{g, other()}, nil, nil)
			expectParts(t, g.Blame.IOStall, tt.want)
		})
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	r, m := newIORing(5), newMemoryRing(5)
	for i := range 100 {
		var guests []*model.Guest
		var units []model.Unit
		for j := range 200 {
			g := reading(fmt.Sprint(i, "-", j), 1, 1)
			g.Pressure.MemoryWaiting = model.Some(1)
			guests = append(guests, g)
			units = append(units, model.Unit{Path: fmt.Sprint("/", i, "-", j)})
		}
		now := time.Duration(i) * second
		r.update(now, guests, nil, units)
		m.update(now, guests, nil, units)
	}
	for _, n := range []int{len(r.guests), len(r.units), len(m.guests), len(m.units)} {
		if n < 200 || n > 200+mostMissing {
			t.Errorf("%d are remembered", n)
		}
	}
	quiet := []*model.Guest{reading("a", 1, 1)}
	r.update(time.Hour, quiet, nil, nil)
	m.update(time.Hour, quiet, nil, nil)
	if len(r.guests)+len(r.units)+len(m.guests)+len(m.units) != 2 {
		t.Error("what is gone is not forgotten")
	}
}

func TestDevicesOfAGuestAreBounded(t *testing.T) {
	r := newIORing(5)
	for i := range 1000 {
		g := reading("a", float64(i), float64(i))
		g.IO[0].Device = fmt.Sprint("sd", i)
		r.update(time.Duration(i)*second, []*model.Guest{g}, nil, nil)
	}
	if n := len(r.guests[container("a").Name].uses); n > mostDevices {
		t.Errorf("%d devices are remembered", n)
	}
}

// beside is a reading of a victim and others on one busy disk.
func beside(r *ioRing, now time.Duration, victim *model.Guest, others map[string]float64) *model.Guest {
	guests := []*model.Guest{victim}
	total := victim.IO[0].Read.Requests.Or(0)
	for name, requests := range others {
		guests = append(guests, reading(name, 0, requests))
		total += requests
	}
	disk := model.NodeDisk{Device: "sda", Busy: model.Some(now.Seconds())}
	disk.Read.Requests = model.Some(total)
	r.update(now, guests, &model.Node{Disks: []model.NodeDisk{disk}}, nil)
	return victim
}

func TestAWriterIsNamedAfterItsBurst(t *testing.T) {
	r := newIORing(5)
	beside(&r, 0, reading("victim", 0, 0), map[string]float64{"hog": 0})
	beside(&r, 5*second, reading("victim", 0, 10), map[string]float64{"hog": 10_000})
	g := beside(&r, 10*second, reading("victim", 4, 20), map[string]float64{"hog": 10_000})
	expectParts(t, g.Blame.IOStall, map[string]float64{"self": 4 * 20. / 10_020, "neighbour container/docker/hog": 4 * 10_000. / 10_020})
	for now := 15 * second; now <= 25*second; now += 5 * second {
		beside(&r, now, reading("victim", 4, 2*now.Seconds()), map[string]float64{"hog": 10_000})
	}
	g = beside(&r, 30*second, reading("victim", 6, 60), map[string]float64{"hog": 10_000})
	if part := parts(g.Blame.IOStall, 1)["neighbour container/docker/hog"]; part > 4 {
		t.Errorf("the writer is blamed for %v long after", part)
	}
}

func TestTheSameReadingDoesNotMakeABurstOld(t *testing.T) {
	r := newIORing(5)
	beside(&r, 0, reading("victim", 0, 0), map[string]float64{"hog": 0})
	burst := func() []*model.Guest {
		return []*model.Guest{reading("victim", 0, 10), reading("hog", 0, 10_000)}
	}
	for _, now := range []time.Duration{5, 6, 7, 8, 9, 14, 19, 24} {
		r.update(now*second, burst(), nil, nil)
	}
	g := beside(&r, 29*second, reading("victim", 4, 20), map[string]float64{"hog": 10_000})
	if part := parts(g.Blame.IOStall, 4)["neighbour container/docker/hog"]; part < 0.9 {
		t.Errorf("the writer has %v", g.Blame.IOStall)
	}
}

func TestTheFirstRequestsOfADeviceCount(t *testing.T) {
	r := newIORing(5)
	hog := func(requests float64) *model.Guest {
		g := reading("hog", 0, requests)
		if requests == 0 {
			g.IO = nil // the kernel lists no device that was not used
		}
		return g
	}
	r.update(0, []*model.Guest{reading("victim", 0, 0), hog(0)}, nil, nil)
	g := reading("victim", 1, 100)
	r.update(5*second, []*model.Guest{g, hog(900)}, nil, nil)
	expectParts(t, g.Blame.IOStall, map[string]float64{"self": 0.1, "neighbour container/docker/hog": 0.9})
}

func TestAWaitWithoutRequestsIsForTheLastDevice(t *testing.T) {
	r := newIORing(5)
	beside(&r, 0, reading("victim", 0, 0), map[string]float64{"hog": 0})
	beside(&r, 5*second, reading("victim", 0, 100), map[string]float64{"hog": 0})
	for now := 10 * second; now <= 60*second; now += 5 * second {
		beside(&r, now, reading("victim", 0, 100), map[string]float64{"hog": 1000 * now.Seconds()})
	}
	g := beside(&r, 65*second, reading("victim", 2, 100), map[string]float64{"hog": 65_000})
	expectParts(t, g.Blame.IOStall, map[string]float64{"neighbour container/docker/hog": 2})
	for now := 70 * second; now <= 85*second; now += 5 * second {
		beside(&r, now, reading("victim", 2, 100), map[string]float64{"hog": 1000 * now.Seconds()})
	}
	g = beside(&r, 90*second, reading("victim", 3, 100), map[string]float64{"hog": 90_000})
	expectParts(t, g.Blame.IOStall, map[string]float64{"neighbour container/docker/hog": 2, "unexplained": 1})
}

func TestTheFigureIsTheSameAtAnyPace(t *testing.T) {
	for _, pace := range []time.Duration{100 * time.Millisecond, second, 5 * second, 30 * second, 3 * time.Minute} {
		r := newIORing(5)
		var g *model.Guest
		const end = 6 * time.Minute
		for now := time.Duration(0); now <= end; now += pace {
			s := now.Seconds()
			g = beside(&r, now, reading("victim", s/2, 10*s), map[string]float64{"hog": 90 * s})
		}
		expectParts(t, g.Blame.IOStall, map[string]float64{
			"self": end.Seconds() / 20, "neighbour container/docker/hog": end.Seconds() / 20 * 9,
		})
	}
}

func TestOnlySoManyCulpritsAreNamed(t *testing.T) {
	r := newIORing(2)
	names := []string{"a", "b", "c", "d"}
	var g *model.Guest
	for step := range 400 {
		does := make(map[string]float64)
		for i, name := range names {
			// Each has a hundred seconds in which it alone is busy.
			does[name] = 1000 * min(max(float64(step-100*i), 0), 100)
		}
		g = beside(&r, time.Duration(step)*second, reading("victim", float64(step), float64(step)), does)
		named := 0
		for _, p := range g.Blame.IOStall {
			if p.Culprit != "" && p.Culprit != model.OtherCulprits {
				named++
			}
		}
		if named > 2 {
			t.Fatalf("%d are named: %v", named, g.Blame.IOStall)
		}
	}
	if parts(g.Blame.IOStall, 1)["neighbour other"] == 0 {
		t.Errorf("there are no others: %v", g.Blame.IOStall)
	}
}

func TestWhatWasGivenOutStays(t *testing.T) {
	r := newIORing(5)
	beside(&r, 0, reading("victim", 0, 0), map[string]float64{"hog": 0})
	before := beside(&r, 5*second, reading("victim", 1, 10), map[string]float64{"hog": 90})
	was := fmt.Sprint(before.Blame.IOStall)
	beside(&r, 10*second, reading("victim", 9, 20), map[string]float64{"hog": 180})
	if is := fmt.Sprint(before.Blame.IOStall); is != was {
		t.Errorf("%s became %s", was, is)
	}
}
