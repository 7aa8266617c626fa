package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
)

func guestSeries(family, alert, guest string) labels.Labels {
	return labels.FromStrings("__name__", family, "alert", alert, "guest", guest, "kind", "container", "instance", "box:9971")
}

func TestGuestsLabelsThatNoRuleReads(t *testing.T) {
	c := testConfig(t)
	c.Bundled = true
	const threshold, muted = "virt_guest_alert_threshold", "virt_guest_alert_muted"
	now := time.Now()
	for _, s := range []labels.Labels{
		guestSeries(threshold, "VirtGuestCPUStealHigh", "web"),
		guestSeries(threshold, "Misspelt", "web"),
		guestSeries(threshold, "Misspelt", "db"),
		guestSeries(threshold, "VirtNodeStealHigh", "web"), // takes none
		guestSeries(threshold, "all", "web"),               // only for muting
		guestSeries(muted, "VirtGuestCPUStealHigh", "web"),
		guestSeries(muted, "all", "web"),
		guestSeries(muted, "VirtGuestCPUSteal", "web"), // anchored
	} {
		fill(t, c, 1, s, now.Add(-time.Second))
	}
	fill(t, c, 1, guestSeries(threshold, "Old", "web"), now.Add(-lookback-time.Minute))
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	found, err := e.findUnread(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	want := []unread{
		{muted, "VirtGuestCPUSteal", "web", "box:9971", 1},
		{threshold, "Misspelt", "db", "box:9971", 2},
		{threshold, "VirtNodeStealHigh", "web", "box:9971", 1},
		{threshold, "all", "web", "box:9971", 1},
	}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(unread{})); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// Where no rule reads the family at all, other programs may.
func TestGuestsLabelsWithoutTheBundledRules(t *testing.T) {
	c := testConfig(t)
	fill(t, c, 1, guestSeries("virt_guest_alert_threshold", "Misspelt", "web"), time.Now().Add(-time.Second))
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if found, err := e.findUnread(t.Context(), time.Now()); err != nil || len(found) > 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

// syncBuffer takes a log while the test reads it.
type syncBuffer struct {
	mutex sync.Mutex
	b     bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.b.String()
}

func TestGuestsLabelIsSaidOnceAndUntilItIsGone(t *testing.T) {
	const good = `virt_guest_alert_threshold{alert="Mine",guest="web"} 1` + "\n"
	exporter := newExporter(t, good+`virt_guest_alert_threshold{alert="Misspelt",guest="web"} 1`+"\n")
	c := testConfig(t)
	c.Exporters = []string{exporter.URL}
	c.RuleFiles = []string{rulesFile(t, `{groups: [{name: a, rules: [{alert: Mine, expr: 'virt_guest_alert_threshold{alert="Mine"} > 2'}]}]}`)}
	var log syncBuffer
	reg := prometheus.NewRegistry()
	e, err := New(c, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), reg)
	if err != nil {
		t.Fatal(err)
	}
	e.unreadEvery = 20 * time.Millisecond
	run(t, e)
	eventually(t, "the page says it", func() bool {
		list := e.troubles()
		return len(list) == 1 && list[0].Kind == kindThreshold && list[0].What == `No rule reads virt_guest_alert_threshold{alert="Misspelt"}` &&
			strings.HasPrefix(list[0].Why, "it does nothing: of guest web on host1:")
	})
	if got := troubleCount(t, reg, kindThreshold); got != 1 {
		t.Errorf("counted %v", got)
	}
	exporter.set(good)
	eventually(t, "the page says it no longer", func() bool { return len(e.troubles()) == 0 })
	if got := strings.Count(log.String(), `msg="No rule reads a label of a guest"`); got != 1 {
		t.Errorf("said %d times:\n%s", got, log.String())
	}
}
