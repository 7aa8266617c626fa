package collector_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
	"github.com/virt-exporter/virt_exporter/fixtures/fakeprobe"
	"github.com/virt-exporter/virt_exporter/fixtures/hostfs"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

const (
	hostsDir = "../fixtures/hosts"

	// The hosts of the fixtures have been up for so long when they are first read.
	uptime = 12 * 24 * time.Hour

	// between is the time between two scrapes of a host.
	between = 15 * time.Second
)

// Each host of the fixtures must expose what stands in its metrics.prom. Where
// a host has files of a moment later, it is scraped before and after, and the
// second scrape is what counts: what holds state begins at 0 with the first. What must
// be seen at 0 before it grows needs more scrapes before, as many as the host asks for.
//
// The clock is that of synctest and the machine's own files, clock and CPUID
// are not looked at, so that the exposition is the same to the byte everywhere.
func TestGolden(t *testing.T) {
	for _, name := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			host, later := filepath.Join(hostsDir, name, "host.txtar"), filepath.Join(hostsDir, name, "later.txtar")
			got := ""
			if name == "unreadable" {
				got = scrapeUnprivileged(t, host)
			} else {
				h := hostfs.Open(t, host)
				synctest.Test(t, func(t *testing.T) {
					e := start(t, h)
					got = e.scrape(t)
					for range number(h.Note("scrapes-before")) {
						time.Sleep(between)
						got = e.scrape(t)
					}
					if exists(later) {
						h.Apply(t, later)
						e.reload()
						time.Sleep(between)
						got = e.scrape(t)
					}
				})
			}
			checkExposition(t, got)
			compareGolden(t, filepath.Join(hostsDir, name, "metrics.prom"), got)
		})
	}
}

// Every family that a source can fill must be seen on at least one host.
func TestGoldenShowsEveryFamily(t *testing.T) {
	var all strings.Builder
	for _, name := range hosts(t) {
		all.WriteString(readFile(t, filepath.Join(hostsDir, name, "metrics.prom")))
	}
	for _, f := range collector.Families() {
		shown := strings.Contains(all.String(), "# TYPE "+f.Name+" ")
		if pending := strings.HasPrefix(f.From, "not yet"); shown == pending {
			t.Errorf("%s: seen on a host of the fixtures is %t, waits for its source is %t", f.Name, shown, pending)
		}
	}
}

// daemonOf returns the libvirt daemon of a host that has a directory for it, and
// what makes it read that anew.
func daemonOf(t *testing.T, h *hostfs.Host) (daemon *libvirtd.Server, reload func()) {
	t.Helper()
	daemon = new(libvirtd.Server)
	dir := filepath.Join(h.Root, "run/libvirt/domains")
	reload = func() {
		if exists(dir) {
			if err := daemon.Load(dir); err != nil {
				t.Error(err)
			}
		}
	}
	reload()
	t.Cleanup(daemon.Stop)
	return daemon, reload
}

// exporter is a collector of a host of the fixtures and its endpoint.
type exporter struct {
	handler http.Handler
	root    string
	reload  func()
}

// start starts an exporter that ends with the test.
func start(t *testing.T, h *hostfs.Host) exporter {
	t.Helper()
	began := time.Now()
	daemon, reload := daemonOf(t, h)
	c, err := collector.NewPinned(collector.Config{
		ProcFS: h.ProcFS(), SysFS: h.SysFS(), RootFS: h.Root,
		GuestLabels: []string{"com.docker.compose.service", "team"},
		MuteLabel:   "virt.mute", ThresholdLabel: "virt.threshold",
		MaxGuests: number(h.Note("max-guests")),
		FSProbe: collector.FSProbe{
			Mounts: listed(h.Note("fsprobe-mount")), ReadFiles: listed(h.Note("fsprobe-read-file")), WriteDirs: listed(h.Note("fsprobe-write-dir")),
		},
	}, slog.New(slog.DiscardHandler), collector.Pinned{
		SinceBoot: func() time.Duration { return uptime + time.Since(began) },
		CPUID:     h.Note("cpuid"),
		DialUnix:  func(context.Context, string) (net.Conn, error) { return daemon.Dial(), nil },
		Start:     mountsOf(h).Start,
		Kernel:    kernelOf(h),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return exporter{c.Handler(collector.HandlerOpts{}), h.Root, reload}
}

// scrape returns the exposition but for the families that the process and the
// build have, which no fixture holds. Nothing else is left out or changed.
func (e exporter) scrape(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), e.root) {
		t.Errorf("the exposition holds the path that the host's files have here: %s", e.root)
	}
	return ownFamilies(w.Body.String())
}

func ownFamilies(exposition string) string {
	var own strings.Builder
	for line := range strings.Lines(exposition) {
		name := line
		for _, comment := range []string{"# HELP ", "# TYPE "} {
			name = strings.TrimPrefix(name, comment)
		}
		if strings.HasPrefix(name, "virt_") && !strings.HasPrefix(name, "virt_exporter_build_info") {
			own.WriteString(line)
		}
	}
	return own.String()
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *collector.Update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := readFile(t, file)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got), written anew by -update:\n%s", file, diff)
	}
}

// hosts returns the names of the hosts that the fixtures have.
func hosts(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(hostsDir, "*/host.txtar"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no hosts below %s: %v", hostsDir, err)
	}
	for i, path := range found {
		found[i] = filepath.Base(filepath.Dir(path))
	}
	return found
}

// listed returns the note as a list of one, or of none.
func listed(note string) []string {
	if note == "" {
		return nil
	}
	return []string{note}
}

// mountsOf returns what the helpers find that touch a host's mounts: each is ten
// times as slow as its reference, the one of the note fsprobe-hang hangs, and one
// has not the operation of the note fsprobe-left-out.
func mountsOf(h *hostfs.Host) *fakeprobe.Mounts {
	m := &fakeprobe.Mounts{Skip: func(path string, op probe.Op) probe.Skip {
		if path+" "+string(op) == h.Note("fsprobe-left-out") {
			return probe.Skip{Reason: "not_supported"}
		}
		return probe.Skip{}
	}}
	if path := h.Note("fsprobe-hang"); path != "" {
		m.Hang(path, false)
	}
	return m
}

// number returns what a note says, 0 where there is no such note.
func number(note string) int {
	n, _ := strconv.Atoi(note)
	return n
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
