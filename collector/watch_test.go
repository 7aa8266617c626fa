package collector

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// watching runs Watch for a while.
func watching(t *testing.T, c *Collector, during func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		c.Watch(ctx)
		close(done)
	}()
	during()
	cancel()
	<-done
}

func TestGuestsAreWatchedBetweenScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cgroups, daemon := gives(sourceCgroup, guests("web"), nil), gives(sourceLibvirt, guests("vm"), nil)
		c := collect(t, cgroups, daemon)
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			scrape(h)
			time.Sleep(15*time.Second - time.Millisecond)
			if n := cgroups.reads.Load(); n != 3 { // at 0, 5 and 10 seconds
				t.Errorf("guests were read %d times", n)
			}
			if n := daemon.reads.Load(); n != 1 {
				t.Errorf("the daemon was asked %d times: that is for scrapes", n)
			}
			body := scrape(h).Body.String()
			wantLines(t, body, `guest="web"`, `guest="vm"`)
		})
	})
}

func TestFrequentScrapesLeaveNothingToWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cgroups := gives(sourceCgroup, guests("web"), nil)
		c := collect(t, cgroups)
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			for range 30 {
				scrape(h)
				time.Sleep(2 * time.Second)
			}
		})
		if n := cgroups.reads.Load(); n != 30 {
			t.Errorf("guests were read %d times for 30 scrapes", n)
		}
	})
}

// A server takes what it gets for what is so now: what Watch read a moment ago is
// not.
func TestAScrapeAfterAWatchReadsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var name atomic.Value
		name.Store("first")
		cgroups := &script{name: sourceCgroup, read: func(context.Context, int64) (model.Reading, error) {
			return guests(name.Load().(string)), nil
		}}
		c := collect(t, cgroups)
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			wantLines(t, scrape(h).Body.String(), `guest="first"`)
			name.Store("second")
			time.Sleep(WatchInterval + 500*time.Millisecond)
			name.Store("third")
			wantLines(t, scrape(h).Body.String(), `guest="third"`, `!guest="first"`, `!guest="second"`)
			if n := cgroups.reads.Load(); n != 3 {
				t.Errorf("%d readings", n)
			}
		})
	})
}

func TestAStuckSourceDoesNotStopTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cgroups := gives(sourceCgroup, guests("web"), nil)
		stuck := takes(sourceVMM, time.Hour, guests("vm"))
		c := collect(t, cgroups, stuck)
		watching(t, c, func() { time.Sleep(time.Minute) })
		if n := cgroups.reads.Load(); n < 6 {
			t.Errorf("guests were read %d times in a minute", n)
		}
		if n := stuck.reads.Load(); n != 1 {
			t.Errorf("%d readings of what is stuck", n)
		}
		time.Sleep(time.Hour)
	})
}

func TestAPanicInTheEstimateCostsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collect(t, gives(sourceCgroup, guests("web"), nil))
		h := c.Handler(HandlerOpts{})
		c.ring = nil
		watching(t, c, func() {
			time.Sleep(WatchInterval + time.Second)
			wantLines(t, scrape(h).Body.String(), `guest="web"`)
			if c.ring == nil {
				t.Error("there is no new ring")
			}
		})
	})
}

func TestASlowSourceIsLeftToScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := takes(sourceVMM, 6*time.Second, guests("vm"))
		c := collect(t, gives(sourceCgroup, guests("web"), nil), slow)
		watching(t, c, func() { time.Sleep(5 * time.Minute) })
		if n := slow.reads.Load(); n > 6 {
			t.Errorf("it was read %d times in five minutes", n)
		}
		time.Sleep(time.Minute)
	})
}

func TestASourceThatWasSlowOnceIsWatchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		once := &script{name: sourceVMM, read: func(_ context.Context, n int64) (model.Reading, error) {
			if n == 1 {
				time.Sleep(6 * time.Second)
			}
			return guests("vm"), nil
		}}
		c := collect(t, gives(sourceCgroup, guests("web"), nil), once)
		watching(t, c, func() { time.Sleep(5 * time.Minute) })
		if n := once.reads.Load(); n < 5 { // at least twice a minute, after the first
			t.Errorf("it was read %d times in five minutes", n)
		}
	})
}

// What was estimated must hold for the very figures that it is exposed with.
func TestBlameIsThatOfTheReadingItIsExposedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steal := 0.0
		cgroups := &script{name: sourceCgroup, read: func(context.Context, int64) (model.Reading, error) {
			r := guests("web")
			steal++
			g := &r.Guests[0]
			g.CPU.Run, g.CPU.Steal = model.Some(10*steal), model.Some(steal)
			g.CPU.StealBy = []model.Stolen{{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: steal}}
			return r, nil
		}}
		c := collect(t, cgroups)
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			for range 5 {
				time.Sleep(7 * time.Second)
				body := scrape(h).Body.String()
				if total, parts := sumOf(t, body, "virt_guest_cpu_steal_seconds_total"), sumOf(t, body, "virt_guest_cpu_steal_by_seconds_total"); total != parts {
					t.Errorf("steal is %v, its parts %v", total, parts)
				}
			}
		})
	})
}

// sumOf adds up the series of a family.
func sumOf(t *testing.T, exposition, family string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(exposition) {
		if !strings.HasPrefix(line, family+"{") {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}
