package collector

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// full returns guests of which everything is known that a container has.
func full(n int) model.Reading {
	r := guests()
	v := model.Some
	ops := func(i int) model.Operations {
		return model.Operations{Requests: v(float64(i) * 1e3), Bytes: v(float64(i) * 4096e3)}
	}
	for i := range n {
		x := float64(i) + 0.123456
		id := fmt.Sprintf("%064x", i)
		r.Guests = append(r.Guests, model.Guest{
			Name:      model.Name{Kind: model.Container, Runtime: "docker", Guest: fmt.Sprintf("service-%d", i)},
			Info:      model.Info{ID: id, Cgroup: "/docker/" + id, Image: "registry/service:1"},
			State:     model.Running,
			StartTime: v(1.7e9 + x),
			CPU: model.CPU{
				Usage: v(x), Run: v(x), Steal: v(x), StealCoverage: v(0.99),
				StealBy: []model.Stolen{
					{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: x},
					{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: x},
				},
				Throttled: v(x), Periods: v(x), ThrottledPeriods: v(x), Burst: v(x), LimitCores: v(2), Weight: v(100), CPUs: v(8),
			},
			Pressure: model.Pressure{
				CPUWaiting: v(x), CPUStalled: v(x), MemoryWaiting: v(x), MemoryStalled: v(x), IOWaiting: v(x), IOStalled: v(x), IRQStalled: v(x),
			},
			Memory: model.Memory{
				Usage: v(x), WorkingSet: v(x), Anon: v(x), Limit: v(x), Swap: v(x), MajorFaults: v(x), RefaultsAnon: v(x), RefaultsFile: v(x),
				Events: model.MemoryEvents{Low: v(0), High: v(0), Max: v(x), OOM: v(0), OOMKill: v(0)},
			},
			IO: []model.DeviceIO{{Device: "sda", Layer: model.LayerHost, Read: ops(i), Write: ops(i), Discard: ops(i)}},
		})
	}
	return r
}

// discard is a client that keeps nothing.
type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.bytes += len(p); return len(p), nil }

// BenchmarkExpose measures the way from a reading to the bytes, without the
// reading itself: CPU time of the whole process per series. The headers are those of
// Prometheus 3.
func BenchmarkExpose(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		for _, format := range []struct{ name, accept, encoding string }{
			{"text", "text/plain;version=1.0.0;escaping=allow-utf-8", ""},
			{"gzip", "text/plain;version=1.0.0;escaping=allow-utf-8", "gzip"},
			{"protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8", ""},
		} {
			b.Run(fmt.Sprintf("containers=%d/%s", n, format.name), func(b *testing.B) {
				benchExpose(b, n, format.accept, format.encoding)
			})
		}
	}
}

func benchExpose(b *testing.B, n int, accept, encoding string) {
	reading := full(n)
	c := collect(&testing.T{}, gives("a", reading, nil))
	h := c.Handler(HandlerOpts{})
	series := bytes.Count(scrape(h).Body.Bytes(), []byte("\nvirt_guest_"))
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	cpu := processTime()
	for i := 0; b.Loop(); i++ {
		w.bytes = 0
		c.readers[0].last = nil // or it would share the last reading
		for g := range reading.Guests {
			reading.Guests[g].CPU.Usage = model.Some(float64(i) + 0.1)
		}
		h.ServeHTTP(w, r)
	}
	perScrape := float64(processTime()-cpu) / float64(b.N)
	b.ReportMetric(perScrape/1e6, "cpu-ms/op")
	b.ReportMetric(perScrape/1e3/float64(series), "µs/series")
	b.ReportMetric(float64(series)/float64(n), "series/guest")
	b.ReportMetric(float64(w.bytes), "bytes/op")
}

func processTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
