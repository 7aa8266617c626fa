package engine

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkPlay plays a day of five hosts of 1,500 series at steps of two minutes,
// with the bundled rules every four.
func BenchmarkPlay(b *testing.B) {
	for b.Loop() {
		c := testConfig(b)
		c.Bundled = true
		e, err := New(c, quiet(), nil)
		if err != nil {
			b.Fatal(err)
		}
		to := time.Now()
		from := to.Add(-24 * time.Hour)
		var targets []Played
		for i := range 5 {
			targets = append(targets, Played{Job: job, Instance: fmt.Sprintf("kvm-%d:9971", i), Expose: func(at time.Time, text []byte) ([]byte, bool) {
				return benchHost(text, at.Sub(from).Seconds()), true
			}})
		}
		cpu := cpuTime(b)
		if err := e.Play(b.Context(), targets, from, to, 2*time.Minute, 4*time.Minute); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((cpuTime(b) - cpu).Seconds(), "cpu-s")
		b.ReportMetric(float64(e.db.Head().NumSeries()), "series")
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// benchHost is what a host with 25 guests exposes after some seconds, of families
// that rules read.
func benchHost(text []byte, s float64) []byte {
	for g := range 25 {
		of := fmt.Sprintf(`kind="container",runtime="docker",guest="guest-%d"`, g)
		waits := s * 1e-4 // most are well, two are not
		if g < 2 {
			waits = s * 0.3
		}
		line := func(name, more string, v float64) {
			text = fmt.Appendf(text, "%s{%s%s} %g\n", name, of, more, v)
		}
		line("virt_guest_info", `,id="0d1e",parent=""`, 1)
		line("virt_guest_start_time_seconds", "", 1.7e9)
		line("virt_guest_cpu_run_seconds_total", "", s)
		line("virt_guest_cpu_steal_seconds_total", "", waits)
		for i, cause := range []string{"neighbour", "self", "system", "kernel", "throttle", "wakeup", "unexplained"} {
			line("virt_guest_cpu_steal_by_seconds_total", fmt.Sprintf(`,cause="%s",culprit="",method="estimated"`, cause), waits/float64(i+2))
		}
		for _, resource := range []string{"cpu", "memory", "io"} {
			line("virt_guest_pressure_waiting_seconds_total", `,resource="`+resource+`"`, waits)
		}
		for i, op := range []string{"read", "write", "flush", "discard"} {
			for _, layer := range []string{"guest", "host"} {
				more := fmt.Sprintf(`,device="sda",op="%s",layer="%s"`, op, layer)
				line("virt_guest_io_requests_total", more, s*10)
				line("virt_guest_io_bytes_total", more, s*1000)
				line("virt_guest_io_seconds_total", more, waits/float64(i+1))
			}
		}
		for _, event := range []string{"low", "high", "max", "oom", "oom_kill"} {
			line("virt_guest_memory_events_total", `,event="`+event+`"`, 0)
		}
		line("virt_guest_memory_swap_bytes", "", 1e6)
		line("virt_guest_memory_usage_bytes", "", 1e9)
		for i := range 13 {
			line("virt_fs_probe_seconds_bucket", fmt.Sprintf(`,mountpoint="/m",op="stat",le="%d"`, i), s)
		}
	}
	for i := range 30 {
		text = fmt.Appendf(text, "virt_source_success{source=\"s%d\"} 1\n", i)
	}
	return append(text, "virt_exporter_build_info{version=\"1\"} 1\n"...)
}
