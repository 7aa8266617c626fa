package engine

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage/remote"
)

// While nothing can be stored, nobody is told that what fires is over, and the
// watchdog is silent.
func TestFullFileSystem(t *testing.T) {
	exporter, am := newExporter(t, "temperature 40\n"), newAlertmanager(t)
	c := testConfig(t)
	c.Exporters, c.Alertmanagers = []string{exporter.URL}, []string{am.URL}
	c.RuleFiles = []string{rulesFile(t, hotRule+"      - {alert: VirtWatchdog, expr: vector(1)}\n      - {alert: Blind, expr: absent(up)}\n")}
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.space.every = 10 * time.Millisecond
	run(t, e)
	eventually(t, "all fires", func() bool {
		_, hot := am.find("Hot", firing)
		_, dog := am.find("VirtWatchdog", firing)
		return hot && dog && e.settled()
	})
	am.forget()
	e.space.need.Store(math.MaxUint64) // no disk has that much
	eventually(t, "Alertmanager is told", func() bool {
		m, ok := am.find("VirtMonitoringBlind", firing)
		return ok && m.Labels["blind"] == "disk" && m.Labels["severity"] == "critical" && m.Labels["job"] == "virt_alerter" && m.Labels["instance"] == "host1:9972"
	})
	eventually(t, "what fires is repeated", func() bool {
		_, ok := am.find("Hot", func(m message) bool { return time.Until(m.EndsAt) > 3*time.Minute })
		return ok
	})
	eventually(t, "the scrape says why it failed", func() bool { return errors.Is(e.scraping(time.Now()), errNoSpace) })
	if err := e.Well(time.Now()); !errors.Is(err, errNoSpace) {
		t.Errorf("all is well: %v", err)
	}
	am.forget()
	time.Sleep(5 * c.ResendDelay)
	for _, name := range []string{"VirtWatchdog", "Hot", "Blind"} {
		if m, ok := am.find(name, func(message) bool { return true }); ok {
			t.Errorf("rules are evaluated: %v", m)
		}
	}

	e.space.need.Store(0)
	eventually(t, "Alertmanager is told the end", func() bool { _, ok := am.find("VirtMonitoringBlind", resolved); return ok })
	eventually(t, "samples are stored again", func() bool { return e.scraping(time.Now()) == nil })
	if !e.space.blind(time.Now()) {
		t.Error("rules do not wait for scrapes")
	}
	e.space.since.Store(time.Now().Add(-recovery).UnixNano())
	eventually(t, "rules are evaluated again", func() bool { _, ok := am.find("VirtWatchdog", firing); return ok })
	if m, ok := am.find("Hot", resolved); ok {
		t.Errorf("resolved: %v", m)
	}
}

func TestBlindnessIsToldEachMinute(t *testing.T) {
	begin := time.Unix(1e9, 0)
	var b blindness
	for _, tt := range []struct {
		after      time.Duration
		full       bool
		tell, over bool
	}{
		{0, false, false, false},
		{time.Second, true, true, false},
		{2 * time.Second, true, false, false},
		{60 * time.Second, true, false, false},
		{61 * time.Second, true, true, false},
		{62 * time.Second, true, false, false},
		{63 * time.Second, false, false, true},
	} {
		if tell, over := b.next(tt.full, begin.Add(tt.after)); tell != tt.tell || over != tt.over {
			t.Errorf("after %s: tell %t, over %t", tt.after, tell, over)
		}
	}
	if want := begin.Add(time.Second); b.since != want {
		t.Errorf("since %s, want %s", b.since, want)
	}
}

func TestRulesWaitForScrapesWhenThereIsSpaceAgain(t *testing.T) {
	now := time.Unix(1e9, 0)
	var s space
	if s.blind(now) {
		t.Error("blind from the start")
	}
	s.full.Store(true)
	s.since.Store(now.UnixNano())
	if !s.blind(now.Add(time.Hour)) {
		t.Error("sees without samples")
	}
	s.full.Store(false)
	if !s.blind(now.Add(recovery-1)) || s.blind(now.Add(recovery)) {
		t.Error("rules do not wait just as long as scrapes need")
	}
}

func TestDataDirectoryOfAnotherProcess(t *testing.T) {
	c := testConfig(t)
	start(t, c)
	_, err := New(c, quiet(), nil)
	if err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedDataDirectory(t *testing.T) {
	exporter := newExporter(t, "temperature 40\n")
	c := testConfig(t)
	c.Exporters, c.KeepAll = []string{exporter.URL}, true
	e, stop := start(t, c)
	eventually(t, "samples are stored", func() bool { _, ok := value(t, e, "temperature"); return ok })
	stop()
	segments, err := filepath.Glob(filepath.Join(c.DataDir, "wal", "0*"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no WAL: %v", err)
	}
	if err := os.WriteFile(segments[0], []byte(strings.Repeat("damage", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	e, _ = start(t, c)
	eventually(t, "samples are stored again", func() bool { _, ok := value(t, e, "temperature"); return ok })
}

func TestDataDirectoryThatCannotBe(t *testing.T) {
	c := testConfig(t)
	c.DataDir = filepath.Join(rulesFile(t, ""), "data")
	if _, err := New(c, quiet(), nil); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("got %v", err)
	}
}

func TestRemoteWrite(t *testing.T) {
	var mutex sync.Mutex
	got := map[string]map[string]string{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := remote.DecodeWriteRequest(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mutex.Lock()
		defer mutex.Unlock()
		for _, ts := range req.Timeseries {
			series := map[string]string{}
			for _, l := range ts.Labels {
				series[l.Name] = l.Value
			}
			got[series["__name__"]] = series
		}
	}))
	defer receiver.Close()
	exporter := newExporter(t, "temperature 40\n")
	c := testConfig(t)
	c.Exporters, c.RemoteWrites = []string{exporter.URL}, []string{receiver.URL + "/push"}
	c.RuleFiles = []string{rulesFile(t, hotRule)}
	c.ExternalLabels = map[string]string{"site": "a"}
	_, stop := start(t, c)
	eventually(t, "scraped and recorded series come", func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return got["temperature"] != nil && got["up"] != nil && got["ALERTS"] != nil
	})
	stop()
	mutex.Lock()
	defer mutex.Unlock()
	if got["temperature"]["site"] != "a" {
		t.Errorf("no external label: %v", got["temperature"])
	}
}

func TestHeartbeat(t *testing.T) {
	var beats atomic.Int64
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ping/secret" {
			beats.Add(1)
		}
	}))
	defer listener.Close()
	exporter, am := newExporter(t, "temperature 40\n"), newAlertmanager(t)
	c := testConfig(t)
	c.Exporters, c.Alertmanagers = []string{exporter.URL}, []string{am.URL}
	c.RuleFiles = []string{rulesFile(t, hotRule)}
	c.Heartbeat = listener.URL + "/ping/secret"
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.heartbeat = 20 * time.Millisecond
	run(t, e)
	eventually(t, "it beats", func() bool { return beats.Load() > 2 })

	am.Close()
	eventually(t, "the dead Alertmanager is known", func() bool { return e.Well(time.Now()) != nil })
	time.Sleep(2 * e.heartbeat)
	n := beats.Load()
	time.Sleep(5 * e.heartbeat)
	if got := beats.Load(); got > n {
		t.Errorf("%d beats with nobody to tell", got-n)
	}
	exporter.set("no metrics{")
	eventually(t, "the bad scrape is known", func() bool { return e.scraping(time.Now()) != nil })
	if err := e.evaluating(time.Now().Add(time.Hour)); err == nil {
		t.Error("late rules are well")
	}
}

func TestHeartbeatErrorKeepsTheSecret(t *testing.T) {
	err := beat(t.Context(), http.DefaultClient, "http://"+freeAddress(t)+"/secret")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
