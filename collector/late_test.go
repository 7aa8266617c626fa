package collector

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const timeout = "X-Prometheus-Scrape-Timeout-Seconds"

// takes is a source that heeds no deadline and takes that long to read.
func takes(name string, d time.Duration, r model.Reading) *script {
	return &script{name: name, read: func(context.Context, int64) (model.Reading, error) {
		time.Sleep(d)
		return r, nil
	}}
}

// timed scrapes and returns what it got and how long that took.
func timed(t *testing.T, h http.Handler, header ...string) (string, time.Duration) {
	t.Helper()
	began := time.Now()
	w := scrape(h, header...)
	if w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String(), time.Since(began)
}

// A source of 15 seconds is scraped with 10 of them. The reading that the first
// scrape began ends at 15 seconds.
func TestALateReadingIsWaitedForBrieflyAndFollowedByAFreshOne(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration
		there bool
		took  time.Duration
		reads int64
	}{
		{"at once", 9500 * time.Millisecond, false, brief, 1},
		{"a little before it ends", 14950 * time.Millisecond, true, 50 * time.Millisecond, 1},
		{"within a second of its end", 15900 * time.Millisecond, true, 0, 1},
		{"later", 16 * time.Second, false, 9500 * time.Millisecond, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				slow := takes("slow", 15*time.Second, guests("web"))
				h := collect(t, slow).Handler(HandlerOpts{})
				body, _ := timed(t, h)
				wantLines(t, body, `!guest="web"`)
				time.Sleep(tt.after - time.Since(began))
				body, took := timed(t, h)
				want := `!guest="web"`
				if tt.there {
					want = `guest="web"`
				}
				wantLines(t, body, want)
				if took != tt.took || slow.reads.Load() != tt.reads || slow.most.Load() != 1 {
					t.Errorf("it took %v, want %v; %d readings, want %d", took, tt.took, slow.reads.Load(), tt.reads)
				}
				time.Sleep(time.Minute) // until the source has ended
			})
		})
	}
}

func TestAPatientScrapeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := takes("stuck", 50*time.Second, guests("slow"))
		good := gives("good", guests("web"), nil)
		h := collect(t, stuck, good).Handler(HandlerOpts{})
		var wg sync.WaitGroup
		wg.Go(func() {
			body, took := timed(t, h, timeout, "60")
			wantLines(t, body, `guest="slow"`, `guest="web"`, `virt_source_success{source="stuck"} 1`)
			if took != 50*time.Second {
				t.Errorf("the patient scrape took %v", took)
			}
		})
		for _, want := range []time.Duration{8500 * time.Millisecond, brief, brief} { // 9.5 s from the reading's beginning
			time.Sleep(time.Second)
			body, took := timed(t, h)
			wantLines(t, body, `guest="web"`, `!guest="slow"`, `virt_source_success{source="stuck"} 0`, `virt_source_success{source="good"} 1`)
			if took != want {
				t.Errorf("the impatient scrape took %v, want %v", took, want)
			}
		}
		wg.Wait()
		if stuck.reads.Load() != 1 || good.reads.Load() != 4 || good.most.Load() != 1 {
			t.Errorf("%d readings of the stuck source and %d of the good one", stuck.reads.Load(), good.reads.Load())
		}
	})
}

func TestAPatientScrapeGetsWhatAnImpatientOneBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := takes("slow", 5*time.Second, guests("web"))
		h := collect(t, slow).Handler(HandlerOpts{})
		body, _ := timed(t, h, timeout, "1")
		wantLines(t, body, `!guest="web"`)
		body, _ = timed(t, h)
		wantLines(t, body, `guest="web"`)
		if slow.reads.Load() != 1 {
			t.Errorf("%d readings", slow.reads.Load())
		}
	})
}

// What a short deadline cut is not all there is.
func TestAReadingThatWasCutIsSharedWithNobody(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration // 0.8 s is when the impatient scrape ends
	}{
		{"under way", 100 * time.Millisecond},
		{"ended", 900 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{name: "a", read: func(ctx context.Context, _ int64) (model.Reading, error) {
					select {
					case <-ctx.Done():
						return guests("web"), context.Cause(ctx)
					case <-time.After(5 * time.Second):
						return guests("web", "db"), nil
					}
				}}
				h := collect(t, s, takes("other", 750*time.Millisecond, guests("x"))).Handler(HandlerOpts{})
				var wg sync.WaitGroup
				wg.Go(func() {
					body, _ := timed(t, h, timeout, "1")
					wantLines(t, body, `guest="web"`, `!guest="db"`, `guest="x"`, `virt_source_success{source="a"} 0`)
				})
				time.Sleep(tt.after)
				body, _ := timed(t, h)
				wantLines(t, body, `guest="web"`, `guest="db"`, `guest="x"`, `virt_source_success{source="a"} 1`)
				wg.Wait()
				if s.reads.Load() != 2 || s.most.Load() != 1 {
					t.Errorf("%d readings, %d at once", s.reads.Load(), s.most.Load())
				}
			})
		})
	}
}

func TestAClientThatHasGoneMakesNoSourceLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := takes("slow", 5*time.Second, guests("web"))
		c := collect(t, s)
		h := c.Handler(HandlerOpts{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
		if r := c.readers[0]; r.health.known {
			t.Errorf("health is %+v", r.health)
		}
		body, _ := timed(t, h) // the cut reading is followed by a fresh one
		wantLines(t, body, `guest="web"`, `virt_source_success{source="slow"} 1`)
	})
}

// While a scrape waits for a source that is stuck, Watch may read another anew: that
// is no less than what the scrape has read of it.
func TestASourceIsNotLateBecauseItWasWatchedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collect(t, takes("stuck", time.Minute, guests("vm")), gives(sourceCgroup, guests("web"), nil))
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			body, _ := timed(t, h)
			wantLines(t, body, `guest="web"`, `virt_source_success{source="cgroup"} 1`, `virt_source_success{source="stuck"} 0`)
		})
		time.Sleep(time.Minute)
	})
}

// The map and the slices of a reading are the source's again when the next
// reading begins.
func TestWhatTheSourceReusesIsNotExposedWhileItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := guests("web")
		r.Dropped = map[string]uint64{"limit": 1}
		r.Features = []model.Feature{{Name: "psi"}}
		s := &script{name: "a", read: func(_ context.Context, n int64) (model.Reading, error) {
			if n > 1 {
				r.Dropped["limit"], r.Dropped["new"] = 2, 2
				r.Features[0].Name = "other"
				r.Guests[0].Guest = "other"
				time.Sleep(time.Minute)
				r.Dropped["limit"] = 3
			}
			return r, nil
		}}
		h := collect(t, s).Handler(HandlerOpts{})
		scrape(h)
		time.Sleep(2 * time.Second)
		body, _ := timed(t, h)
		wantLines(t, body, `virt_source_success{source="a"} 0`, `virt_source_dropped_total{reason="limit",source="a"} 1`, `!reason="new"`,
			`virt_feature_available{feature="psi",reason="",source="a"} 1`, `!guest="other"`, `!guest="web"`)
		time.Sleep(time.Minute)
	})
}
