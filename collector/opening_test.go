package collector

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// opens15s is an opener that takes a quarter of a minute, and counts.
func opens15s(s *script, n *atomic.Int64, then error) opener {
	return opener{s.name, func(Config) (source.Source, error) {
		n.Add(1)
		time.Sleep(15 * time.Second)
		return s, then
	}}
}

func TestASourceThatOpensSlowlyCostsItsOwnDataOnlyAndIsThereAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		slow, good := gives("slow", guests("vm"), nil), gives("good", guests("web"), nil)
		h := collectFrom(t, io.Discard, opens15s(slow, &openings, nil), opens(good)).Handler(HandlerOpts{})
		for n, want := range []struct {
			after, took time.Duration
			there       bool
		}{
			{0, 9500 * time.Millisecond, false},
			{2 * time.Second, brief, false}, // at 11.5 s: the opening has had its time
			{3 * time.Second, 400 * time.Millisecond, true},
			{time.Minute, 0, true},
		} {
			time.Sleep(want.after)
			if n == 2 { // it is open 400 ms later, and a patient server awaits that
				body, took := timed(t, h, timeout, "60")
				wantLines(t, body, `guest="vm"`, `guest="web"`, `virt_source_success{source="slow"} 1`)
				if took != want.took {
					t.Errorf("the patient scrape took %v", took)
				}
				continue
			}
			body, took := timed(t, h)
			wantLines(t, body, `guest="web"`, `virt_source_success{source="good"} 1`, `virt_source_available{reason="",source="slow"} 1`)
			if want.there {
				wantLines(t, body, `guest="vm"`, `virt_source_success{source="slow"} 1`)
			} else {
				wantLines(t, body, `!guest="vm"`, `virt_source_success{source="slow"} 0`)
			}
			if took != want.took {
				t.Errorf("scrape %d took %v, want %v", n, took, want.took)
			}
		}
		if openings.Load() != 1 || slow.reads.Load() != 2 || good.reads.Load() != 4 {
			t.Errorf("%d openings, %d and %d readings", openings.Load(), slow.reads.Load(), good.reads.Load())
		}
	})
}

// What opened too late for the scrape that waited for it is read by the next one.
func TestASourceThatHasOpenedMeanwhileIsReadByTheNextScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		slow := gives("slow", guests("vm"), nil)
		h := collectFrom(t, io.Discard, opens15s(slow, &openings, nil)).Handler(HandlerOpts{})
		body, _ := timed(t, h)
		wantLines(t, body, `!guest="vm"`)
		time.Sleep(10 * time.Second)
		if slow.reads.Load() != 0 {
			t.Error("it was read for nobody")
		}
		body, took := timed(t, h)
		wantLines(t, body, `guest="vm"`, `virt_source_success{source="slow"} 1`)
		if took != 0 || openings.Load() != 1 {
			t.Errorf("it took %v, %d openings", took, openings.Load())
		}
	})
}

// Sources that open at once are read while another opens: what they say is then
// as old as the scrape and not late.
func TestASourceIsReadAsSoonAsItIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		slow := takes("slow", 5*time.Second, guests("web"))
		quick := opener{"quick", func(Config) (source.Source, error) {
			time.Sleep(time.Second)
			return takes("quick", 5*time.Second, guests("db")), nil
		}}
		h := collectFrom(t, io.Discard, opens15s(gives("hung", guests("vm"), nil), &openings, nil), opens(slow), quick).Handler(HandlerOpts{})
		body, took := timed(t, h)
		wantLines(t, body, `guest="web"`, `guest="db"`, `!guest="vm"`)
		if took != 9500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		time.Sleep(time.Minute)
	})
}

func TestOneOpeningServesAllScrapesAndTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		slow := &script{name: sourceBPF, read: gives("", guests("vm"), nil).read}
		cgroups := gives(sourceCgroup, guests("web"), nil)
		c := collectFrom(t, io.Discard, opens15s(slow, &openings, nil), opens(cgroups))
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					body, _ := timed(t, h, timeout, "60")
					wantLines(t, body, `guest="vm"`, `guest="web"`, `virt_source_success{source="bpf"} 1`, `virt_source_success{source="cgroup"} 1`)
				})
				time.Sleep(time.Second)
			}
			wg.Wait()
		})
		if openings.Load() != 1 || slow.most.Load() != 1 {
			t.Errorf("%d openings, %d readings at once", openings.Load(), slow.most.Load())
		}
	})
}

// What Watch reads while a scrape waits for an opening is that scrape's too: the
// source has no other reading any more.
func TestWhatIsWatchedWhileAScrapeWaitsIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		cgroups := &script{name: sourceCgroup, read: func(_ context.Context, n int64) (model.Reading, error) {
			return guests("web-" + strconv.FormatInt(n, 10)), nil
		}}
		c := collectFrom(t, io.Discard, opens15s(gives("slow", guests("vm"), nil), &openings, nil), opens(cgroups))
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			body, took := timed(t, h) // from 0 s to 9.5 s, and Watch reads at 5 s
			wantLines(t, body, `guest="web-2"`, `!guest="web-1"`, `virt_source_success{source="cgroup"} 1`, `virt_source_success{source="slow"} 0`)
			if took != 9500*time.Millisecond || cgroups.reads.Load() != 2 {
				t.Errorf("it took %v, %d readings", took, cgroups.reads.Load())
			}
		})
		time.Sleep(time.Minute)
	})
}

// Watch leaves a source that is slow to scrapes for a minute, and not for good.
func TestASourceThatOpenedSlowlyIsWatchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		slow := gives(sourceVMM, guests("vm"), nil)
		c := collectFrom(t, io.Discard, opens15s(slow, &openings, nil), opens(gives(sourceCgroup, guests("web"), nil)))
		watching(t, c, func() { time.Sleep(5 * time.Minute) })
		if n := slow.reads.Load(); n < 5 || openings.Load() != 1 { // at least twice a minute, after the first
			t.Errorf("%d readings, %d openings", n, openings.Load())
		}
	})
}

// A source that was not available is not late while it is tried again: why it is
// not available stays known.
func TestAnUnavailableSourceIsNotLateWhileItIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		var log strings.Builder
		missing := &source.Unavailable{Reason: model.NoDaemon, Err: errors.New("no socket")}
		h := collectFrom(t, &log, opens15s(gives("a", guests("vm"), nil), &openings, missing), opens(gives("good", guests("web"), nil))).Handler(HandlerOpts{})
		body, _ := timed(t, h)
		wantLines(t, body, `virt_source_success{source="a"} 0`)
		for range 20 { // a minute begins when an attempt has ended
			time.Sleep(15 * time.Second)
			body, _ = timed(t, h)
			wantLines(t, body, `guest="web"`, `virt_source_available{reason="no_daemon",source="a"} 0`, `!virt_source_success{source="a"}`)
		}
		time.Sleep(time.Minute)
		if n := openings.Load(); n < 4 || n > 6 {
			t.Errorf("%d openings in five minutes", n)
		}
		if n := strings.Count(log.String(), "no socket"); n != 1 {
			t.Errorf("that it is not available was logged %d times", n)
		}
	})
}

func TestAnAttemptIsFollowedByAMinuteOfRestHoweverLongItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		h := collectFrom(t, io.Discard, opener{"a", func(Config) (source.Source, error) {
			n.Add(1)
			time.Sleep(70 * time.Second)
			return nil, errNotHere
		}}).Handler(HandlerOpts{})
		timed(t, h)
		time.Sleep(100*time.Second - 9500*time.Millisecond)
		if _, took := timed(t, h); took != 0 || n.Load() != 1 { // 30 s after the attempt
			t.Errorf("it took %v, %d attempts", took, n.Load())
		}
		time.Sleep(30 * time.Second)
		if _, took := timed(t, h); took == 0 || n.Load() != 2 {
			t.Errorf("it took %v, %d attempts", took, n.Load())
		}
		time.Sleep(2 * time.Minute)
	})
}

// Scrapes within a second share readings, but not what has become of a source.
func TestWhatAnAttemptHasShownIsExposedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := model.NoDaemon
		good := gives("good", guests("web"), nil)
		h := collectFrom(t, io.Discard, opener{"a", func(Config) (source.Source, error) {
			return nil, &source.Unavailable{Reason: reason, Err: errNotHere}
		}}, opens(good)).Handler(HandlerOpts{})
		scrape(h)
		reason = model.NoBTF
		time.Sleep(reopenAfter - share/2)
		wantLines(t, scrape(h).Body.String(), `virt_source_available{reason="no_daemon",source="a"} 0`)
		time.Sleep(share / 2)
		wantLines(t, scrape(h).Body.String(), `virt_source_available{reason="no_btf",source="a"} 0`, `guest="web"`)
		if good.reads.Load() != 2 {
			t.Errorf("%d readings", good.reads.Load())
		}
	})
}

// A source may be open at the very end of a scrape's time.
func TestASourceThatIsOpenButWasNotReadIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		daemon := gives(sourceLibvirt, guests("vm"), nil)
		c := collectFrom(t, io.Discard, opens15s(daemon, &openings, nil))
		h := c.Handler(HandlerOpts{})
		timed(t, h)
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		v, r := newVisit(ctx), c.readers[0]
		if err := c.read(ctx, v); err != nil {
			t.Error(err)
		}
		r.health = health{source: sourceLibvirt}
		r.settle(v)
		if r.src == nil || r.answered(v) || !r.health.known || r.health.success {
			t.Errorf("it is open: %t, it has answered: %t, health %+v", r.src != nil, r.answered(v), r.health)
		}
		if _, answered := r.remembered(); answered {
			t.Error("it is remembered what it never said")
		}
		body, _ := timed(t, h)
		wantLines(t, body, `guest="vm"`, `virt_source_success{source="libvirt"} 1`)
	})
}

func TestAPanicInAnOpenerIsAnErrorOfThatSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		bad := true
		h := collectFrom(t, &log, opener{"a", func(Config) (source.Source, error) {
			if bad {
				panic("an opener")
			}
			return gives("a", guests("vm"), nil), nil
		}}, opens(gives("good", guests("web"), nil))).Handler(HandlerOpts{})
		for range 8 {
			body, took := timed(t, h)
			wantLines(t, body, `guest="web"`, `virt_source_available{reason="error",source="a"} 0`, `virt_source_success{source="a"} 0`)
			if took != 0 {
				t.Errorf("it took %v", took)
			}
			time.Sleep(15 * time.Second)
		}
		if n := strings.Count(log.String(), "stack="); n != 1 || !strings.Contains(log.String(), "TestAPanicInAnOpener") {
			t.Errorf("the stack was logged %d times: %s", n, log.String())
		}
		bad = false
		body, _ := timed(t, h)
		wantLines(t, body, `guest="vm"`, `virt_source_available{reason="",source="a"} 1`, `virt_source_success{source="a"} 1`)
	})
}

func TestCloseEndsWhatIsBeingOpened(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  time.Duration // from the beginning of the opening to Close
		err     string
		took    time.Duration
		outcome error
		closes  int64
	}{
		{"that opens soon", 14500 * time.Millisecond, "", 500 * time.Millisecond, nil, 1},
		{"that has opened unseen", 20 * time.Second, "", 0, nil, 1},
		{"that is stuck", 2 * time.Second, "closing source a: it is still being opened", time.Second, nil, 1},
		{"that does not open", 14500 * time.Millisecond, "", 500 * time.Millisecond, errNotHere, 0},
		{"that is stuck and does not open", 2 * time.Second, "closing source a: it is still being opened", time.Second, errNotHere, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var openings atomic.Int64
				s, good := gives("a", guests("vm"), nil), gives("good", guests("web"), nil)
				c := collectFrom(t, io.Discard, opens15s(s, &openings, tt.outcome), opens(good))
				h := c.Handler(HandlerOpts{})
				answered := make(chan *httptest.ResponseRecorder, 1)
				go func() { answered <- scrape(h) }()
				time.Sleep(tt.before)
				began := time.Now()
				err := c.Close()
				if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("error is %v, want %q", err, tt.err)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("closing took %v, want %v", took, tt.took)
				}
				<-answered
				time.Sleep(time.Minute)
				scrape(h)
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				if s.closes.Load() != tt.closes || good.closes.Load() != 1 || s.reads.Load() != 0 || openings.Load() != 1 {
					t.Errorf("closed %d and %d times, %d readings, %d openings", s.closes.Load(), good.closes.Load(), s.reads.Load(), openings.Load())
				}
			})
		})
	}
}

// A client that goes away while a source opens takes nothing with it.
func TestAnOpeningOutlivesTheScrapeThatBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var openings atomic.Int64
		c := collectFrom(t, io.Discard, opens15s(gives("slow", guests("vm"), nil), &openings, nil))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, done, err := c.gather(ctx); err == nil {
			done()
		}
		body, _ := timed(t, c.Handler(HandlerOpts{}), timeout, "60")
		wantLines(t, body, `guest="vm"`)
		if openings.Load() != 1 {
			t.Errorf("%d openings", openings.Load())
		}
	})
}
