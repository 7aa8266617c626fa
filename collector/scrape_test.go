package collector

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// A collector starts this program again as the helper that touches a mount.
func TestMain(m *testing.M) {
	if code, ran := ProbeHelper(); ran {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// script is a source that does as it is told.
type script struct {
	name    string
	reads   atomic.Int64
	running atomic.Int64
	most    atomic.Int64 // readings at once
	closes  atomic.Int64
	read    func(ctx context.Context, n int64) (model.Reading, error)
}

func (s *script) Name() string { return s.name }
func (s *script) Close() error { s.closes.Add(1); return nil }

func (s *script) Read(ctx context.Context) (model.Reading, error) {
	s.most.Store(max(s.most.Load(), s.running.Add(1)))
	defer s.running.Add(-1)
	return s.read(ctx, s.reads.Add(1))
}

func guests(names ...string) model.Reading {
	r := model.Reading{Guests: []model.Guest{}}
	for _, n := range names {
		r.Guests = append(r.Guests, model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: n}})
	}
	return r
}

func gives(name string, r model.Reading, err error) *script {
	return &script{name: name, read: func(context.Context, int64) (model.Reading, error) { return r, err }}
}

func collect(t *testing.T, sources ...*script) *Collector {
	t.Helper()
	var list []opener
	for _, s := range sources {
		list = append(list, opens(s))
	}
	return collectFrom(t, io.Discard, list...)
}

// opens is an opener that gives the source.
func opens(s *script) opener {
	return opener{s.name, func(Config) (source.Source, error) { return s, nil }}
}

func collectFrom(t *testing.T, log io.Writer, list ...opener) *Collector {
	t.Helper()
	c, err := newCollector(DefaultConfig(), slog.New(slog.NewTextHandler(log, nil)), list)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// scrape scrapes with a deadline of ten seconds.
func scrape(h http.Handler, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wantLines(t *testing.T, body string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		absent := strings.HasPrefix(l, "!")
		if strings.Contains(body, strings.TrimPrefix(l, "!")) == absent {
			t.Errorf("exposition: %q is wanted (or, with !, not wanted) in\n%s", l, virtOnly(body))
		}
	}
}

func virtOnly(body string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "virt_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestTwoServersShareAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gives("a", guests("web"), nil)
		h := collect(t, s).Handler(HandlerOpts{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { wantLines(t, scrape(h).Body.String(), `virt_guest_info{`) })
		}
		wg.Wait()
		if got := s.reads.Load(); got != 1 {
			t.Errorf("%d readings for scrapes at once", got)
		}
		time.Sleep(999 * time.Millisecond)
		scrape(h)
		time.Sleep(time.Millisecond)
		scrape(h)
		if got := s.reads.Load(); got != 2 {
			t.Errorf("%d readings after a second", got)
		}
	})
}

func TestALateSourceCostsItsOwnDataOnlyAndIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := &script{name: "stuck", read: func(_ context.Context, n int64) (model.Reading, error) {
			if n > 1 {
				return guests("fresh"), nil
			}
			time.Sleep(time.Minute) // heeds no deadline
			return guests("slow"), nil
		}}
		h := collect(t, stuck, gives("good", guests("web"), nil)).Handler(HandlerOpts{})
		for range 3 {
			began := time.Now()
			body := scrape(h).Body.String()
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the scrape took %v", took)
			}
			wantLines(t, body, `guest="web"`, `!guest="slow"`, `virt_source_success{source="stuck"} 0`, `virt_source_success{source="good"} 1`)
		}
		if stuck.reads.Load() != 1 || stuck.most.Load() != 1 {
			t.Errorf("the stuck source was read %d times", stuck.reads.Load())
		}
		time.Sleep(time.Minute) // it has answered; what it says is too old
		wantLines(t, scrape(h).Body.String(), `guest="fresh"`, `!guest="slow"`, `virt_source_success{source="stuck"} 1`)
	})
}

func TestASourceThatHeedsTheDeadlineLosesOnlyWhatItDidNotReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{name: "a", read: func(ctx context.Context, _ int64) (model.Reading, error) {
			<-ctx.Done()
			return guests("web"), context.Cause(ctx)
		}}
		began := time.Now()
		wantLines(t, scrape(collect(t, s).Handler(HandlerOpts{})).Body.String(), `guest="web"`, `virt_source_success{source="a"} 0`)
		if took := time.Since(began); took > 9500*time.Millisecond {
			t.Errorf("the scrape took %v", took)
		}
	})
}

func TestWhatCouldBeReadIsExposedBesideTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := collect(t, gives("a", guests("web"), errors.New("one file was garbage"))).Handler(HandlerOpts{})
		wantLines(t, scrape(h).Body.String(), `guest="web"`, `virt_source_success{source="a"} 0`, "!virt_source_last_success")
	})
}

func TestAnUnavailableSourceIsAStateAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		there := false
		h := collectFrom(t, &log, opener{"a", func(Config) (source.Source, error) {
			if !there {
				return nil, &source.Unavailable{Reason: model.NoDaemon, Remedy: "start it", Err: errors.New("no socket")}
			}
			return gives("a", guests("web"), nil), nil
		}}).Handler(HandlerOpts{})
		for range 5 {
			wantLines(t, scrape(h).Body.String(), `virt_source_available{reason="no_daemon",source="a"} 0`, "!virt_source_success")
			time.Sleep(time.Minute)
		}
		if n := strings.Count(log.String(), "start it"); n != 1 {
			t.Errorf("the remedy was logged %d times", n)
		}
		there = true
		time.Sleep(time.Minute)
		wantLines(t, scrape(h).Body.String(), `virt_source_available{reason="",source="a"} 1`, `guest="web"`)
	})
}

func TestOneGuestOfTwoSourcesIsExposedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := collect(t, gives("a", guests("web"), nil), gives("b", guests("web", "db"), nil)).Handler(HandlerOpts{})
		body := scrape(h).Body.String()
		if n := strings.Count(body, `virt_guest_info{`); n != 2 {
			t.Errorf("%d guests", n)
		}
		wantLines(t, body, `virt_source_dropped_total{reason="duplicate",source="b"} 1`)
	})
}

// reluctant is a client that takes nothing until it is told to.
type reluctant struct {
	*httptest.ResponseRecorder
	gate chan struct{}
}

func (r reluctant) Write(p []byte) (int, error) {
	<-r.gate
	return r.ResponseRecorder.Write(p)
}

func TestASlowClientHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := collect(t, gives("a", guests("web"), nil)).Handler(HandlerOpts{MaxRequests: 2})
		gate := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			h.ServeHTTP(reluctant{httptest.NewRecorder(), gate}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		})
		synctest.Wait()
		wantLines(t, scrape(h).Body.String(), `guest="web"`)
		wg.Go(func() {
			h.ServeHTTP(reluctant{httptest.NewRecorder(), gate}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		})
		synctest.Wait()
		if got := scrape(h).Code; got != http.StatusServiceUnavailable {
			t.Errorf("the third scrape at once got %d", got)
		}
		close(gate)
		wg.Wait()
	})
}

func TestFormatsAreNegotiated(t *testing.T) {
	h := collect(t, gives("a", guests("web"), nil)).Handler(HandlerOpts{})
	plain := collect(t, gives("a", guests("web"), nil)).Handler(HandlerOpts{DisableCompression: true})
	tests := []struct {
		name, accept, encoding string
		handler                http.Handler
		wantType, wantEncoding string
	}{
		{"text", "", "", h, "text/plain", ""},
		{"protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "", h, "application/vnd.google.protobuf", ""},
		{"gzip", "", "gzip", h, "text/plain", "gzip"},
		{"compression switched off", "", "gzip", plain, "text/plain", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := scrape(tt.handler, "Accept", tt.accept, "Accept-Encoding", tt.encoding)
			if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, tt.wantType) {
				t.Errorf("Content-Type is %q", got)
			}
			if got := w.Header().Get("Content-Encoding"); got != tt.wantEncoding {
				t.Errorf("Content-Encoding is %q", got)
			}
			if w.Body.Len() == 0 || w.Code != http.StatusOK {
				t.Errorf("%d bytes, status %d", w.Body.Len(), w.Code)
			}
		})
	}
}

func TestTheDeadlineLeavesTimeToAnswer(t *testing.T) {
	tests := []struct {
		header string
		want   time.Duration
	}{
		{"10", 9500 * time.Millisecond},
		{"1", 800 * time.Millisecond},
		{"", 9500 * time.Millisecond},
		{"nonsense", 9500 * time.Millisecond},
		{"-1", 9500 * time.Millisecond},
		{"NaN", 9500 * time.Millisecond},
		{"1e300", 9500 * time.Millisecond},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", tt.header)
		if got := deadline(r); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.header, got, tt.want)
		}
	}
}

func TestBadConfigurationNamesWhatIsWrong(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"unknown source", Config{Sources: map[string]bool{"cgruop": true}}, `"cgruop"`},
		{"empty label", Config{GuestLabels: []string{""}}, `guest label ""`},
		{"labels that become one", Config{GuestLabels: []string{"a.b", "a_b"}}, "label_a_b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.cfg, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %s in it", err, tt.want)
			}
		})
	}
}
