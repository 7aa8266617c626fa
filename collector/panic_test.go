package collector

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// broken is a source that panics at its third reading, and whenever it is
// closed after that.
type broken struct {
	script
	closing func()
}

func (b *broken) Close() error {
	b.closes.Add(1)
	b.closing()
	return nil
}

func TestASourceThatPanicsIsThrownAwayAndOpenedAnew(t *testing.T) {
	for _, tt := range []struct {
		name    string
		closing func()
	}{
		{"and closes", func() {}},
		{"and panics when it is closed", func() { panic("closing") }},
		{"and hangs when it is closed", func() { time.Sleep(time.Hour) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testPanic(t, tt.closing) })
		})
	}
}

func testPanic(t *testing.T, closing func()) {
	var log strings.Builder
	var opened []*broken
	h := collectFrom(t, &log, opener{"a", func(Config) (source.Source, error) {
		b := &broken{script: script{name: "a"}, closing: closing}
		b.read = func(_ context.Context, n int64) (model.Reading, error) {
			if n == 3 {
				panic("the third is bad")
			}
			return guests("web"), nil
		}
		opened = append(opened, b)
		return b, nil
	}}, opens(gives("good", guests("db"), nil))).Handler(HandlerOpts{})
	for n, web := range []string{
		`guest="web"`, `guest="web"`, // 0 s, 15 s
		`!guest="web"`, `!guest="web"`, // it panics at 30 s and is not opened twice in a minute
		`guest="web"`, `guest="web"`, // 60 s, 75 s
		`!guest="web"`, `!guest="web"`,
		`guest="web"`,
	} {
		success := `virt_source_success{source="a"} 1`
		if strings.HasPrefix(web, "!") {
			success = `virt_source_success{source="a"} 0`
		}
		body, took := timed(t, h)
		wantLines(t, body, web, success, `virt_source_last_success_timestamp_seconds{source="a"}`, `guest="db"`)
		if took != 0 {
			t.Errorf("scrape %d took %v", n, took)
		}
		time.Sleep(15 * time.Second)
	}
	if len(opened) != 3 || opened[0].closes.Load() != 1 || opened[1].closes.Load() != 1 || opened[2].closes.Load() != 0 {
		t.Errorf("%d sources were opened", len(opened))
	}
	if n := strings.Count(log.String(), "(*broken).") + strings.Count(log.String(), "testPanic"); n == 0 {
		t.Errorf("the log has no stack: %s", log.String())
	}
	if n := strings.Count(log.String(), "stack="); n != 1 {
		t.Errorf("the stack of the same panic was logged %d times", n)
	}
	time.Sleep(time.Hour)
}

func TestAPanicLeavesNothingHeld(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Collector) (repair func())
	}{
		{"in the exposition", func(c *Collector) func() {
			row := &c.guests.rows[0]
			values := row.values
			row.values = func(*model.Guest, *series) { panic("a row") }
			return func() { row.values = values }
		}},
		{"in the process's own metrics", func(c *Collector) func() {
			self := c.self
			c.self = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { panic("self") })
			return func() { c.self = self }
		}},
		{"in an opener", func(c *Collector) func() {
			r := c.readers[0]
			open := r.open
			r.open = func(Config) (source.Source, error) { panic("an opener") }
			return func() { r.open, r.openedAt = open, time.Time{} }
		}},
		{"in encoding", func(c *Collector) func() {
			self := c.self
			c.self = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return []*dto.MetricFamily{nil}, nil })
			return func() { c.self = self }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := collect(t, gives("a", guests("web"), nil))
				h := c.Handler(HandlerOpts{MaxRequests: 1})
				repair := tt.spoil(c)
				func() {
					defer func() { _ = recover() }() // as net/http does
					scrape(h)
				}()
				repair()
				body, took := timed(t, h)
				wantLines(t, body, `guest="web"`, `virt_source_success{source="a"} 1`)
				if took != 0 {
					t.Errorf("the scrape after the panic took %v", took)
				}
			})
		})
	}
}

func TestCloseWaitsForAScrapeThatIsUnderWay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes time.Duration
		err   string
		close int64
	}{
		{"that ends soon", 2500 * time.Millisecond, "", 1},
		{"that is stuck", time.Minute, "closing source a: a source is still reading", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := takes("a", tt.takes, guests("web"))
				good := gives("good", guests("db"), nil)
				c := collect(t, s, good)
				h := c.Handler(HandlerOpts{})
				answered := make(chan *httptest.ResponseRecorder, 1)
				go func() { answered <- scrape(h) }()
				time.Sleep(2 * time.Second)
				began := time.Now()
				err := c.Close()
				if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("error is %v, want %q", err, tt.err)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("closing took %v", took)
				}
				if s.closes.Load() != tt.close || good.closes.Load() != 1 {
					t.Errorf("closed %d and %d times", s.closes.Load(), good.closes.Load())
				}
				if w := <-answered; !strings.Contains(w.Body.String(), errClosed.Error()) {
					t.Errorf("the scrape got %s", w.Body)
				}
				scrape(h)
				if err := c.Close(); err != nil || s.reads.Load() != 1 || good.closes.Load() != 1 {
					t.Errorf("after closing: %d readings, error %v", s.reads.Load(), err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// Close must not touch what a handler has in use.
func TestCloseAwaitsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gives("a", guests("web"), nil)
		c := collect(t, s)
		_, done, err := c.gather(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err == nil || s.closes.Load() != 0 {
			t.Errorf("closed %d sources while the turn was held, error %v", s.closes.Load(), err)
		}
		done()
		if err := c.Close(); err != nil || s.closes.Load() != 1 {
			t.Errorf("closed %d sources, error %v", s.closes.Load(), err)
		}
	})
}
