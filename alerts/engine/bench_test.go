package engine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const (
	benchFamilies = 100
	benchGuests   = 1000
)

// BenchmarkScrape100k scrapes 100,000 series, of 100 families and 1,000 guests.
// Of these some are kept: in the recorded story the bundled rules read 57 %, and
// rules and dashboards 84 %. CPU time includes that of sending the text, which was
// packed before.
func BenchmarkScrape100k(b *testing.B) {
	for _, share := range []int{20, 57, 84, 100} {
		b.Run(fmt.Sprintf("kept=%d%%", share), func(b *testing.B) {
			server := benchExporter(b)
			c := testConfig(b)
			c.Exporters = []string{server.URL}
			c.ScrapeInterval, c.KeepAll = 500*time.Millisecond, share == 100
			for i := range share * benchFamilies / 100 {
				c.Keep = append(c.Keep, fmt.Sprintf("virt_guest_bench_%d_seconds_total", i))
			}
			e, _ := start(b, c)
			nextScrape(b, e, 1) // makes the series
			nextScrape(b, e, 1)
			cpu, disk := cpuTime(b), diskUsage(b, c.DataDir)
			b.ResetTimer()
			nextScrape(b, e, b.N)
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric((cpuTime(b)-cpu).Seconds()*1000/n, "cpu-ms/scrape")
			b.ReportMetric(float64(diskUsage(b, c.DataDir)-disk)/n/float64(e.db.Head().NumSeries()), "WAL-B/sample")
			b.ReportMetric(float64(e.db.Head().NumSeries()), "series")
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// benchExporter serves two texts in turn, with other values in each.
func benchExporter(b *testing.B) *httptest.Server {
	b.Helper()
	var texts [2][]byte
	for i := range texts {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		for f := range benchFamilies {
			name := fmt.Sprintf("virt_guest_bench_%d_seconds_total", f)
			fmt.Fprintf(w, "# HELP %s One of many.\n# TYPE %s counter\n", name, name)
			for g := range benchGuests {
				fmt.Fprintf(w, "%s{guest=\"guest-%d\",guest_id=\"0d1e2f3a-0000-4000-8000-%012d\",vm_host=\"\"} %d.%d\n", name, g, g, g*f+i*15, g)
			}
		}
		w.Close()
		texts[i] = buf.Bytes()
	}
	turn := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		turn++
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(texts[turn%2])
	}))
	b.Cleanup(server.Close)
	return server
}

// nextScrape waits until n more scrapes are done.
func nextScrape(b *testing.B, e *Engine, n int) {
	b.Helper()
	last := lastScrape(e)
	for range n {
		eventually(b, "the next scrape", func() bool { return lastScrape(e).After(last) })
		last = lastScrape(e)
	}
}

func lastScrape(e *Engine) time.Time {
	for _, t := range e.scrape.TargetsActive()[job] {
		return t.LastScrape()
	}
	return time.Time{}
}

func cpuTime(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// diskUsage is the size of all files, as written and not as reserved.
func diskUsage(b *testing.B, dir string) int64 {
	b.Helper()
	var sum int64
	err := filepath.WalkDir(filepath.Join(dir, "wal"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(name)
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}
