package engine

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// troubleCount is what virt_alerter_troubles says of a kind.
func troubleCount(t *testing.T, reg prometheus.Gatherer, kind string) float64 {
	t.Helper()
	return troubleCounts(t, reg)[kind]
}

func troubleCounts(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "virt_alerter_troubles" {
			continue
		}
		for _, m := range f.GetMetric() {
			counts[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return counts
}

func TestEachKindOfTroubleIsCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	e, err := New(testConfig(t), quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want := map[string]float64{"storage": 0, "reload": 0, "alertmanager": 0, "heartbeat": 0, "threshold": 0, "target": 0, "rule": 0}
	if diff := cmp.Diff(want, troubleCounts(t, reg)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	e.space.full.Store(true)
	want["storage"] = 1
	if diff := cmp.Diff(want, troubleCounts(t, reg)); diff != "" {
		t.Errorf("with a full disk (-want +got):\n%s", diff)
	}
}

func TestHeartbeatThatFailsIsATrouble(t *testing.T) {
	var refuses atomic.Bool
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuses.Load() {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer listener.Close()
	refuses.Store(true)
	exporter := newExporter(t, "temperature 4\n")
	c := testConfig(t)
	c.Exporters = []string{exporter.URL}
	c.RuleFiles = []string{rulesFile(t, hotRule)}
	c.Heartbeat = listener.URL + "/ping/secret"
	reg := prometheus.NewRegistry()
	e, err := New(c, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	e.heartbeat = 20 * time.Millisecond
	handler := e.Handler(HandlerOptions{})
	run(t, e)

	page := func() string {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		return rec.Body.String()
	}
	eventually(t, "the page says that it is not delivered", func() bool {
		return strings.Contains(page(), "<h3>Heartbeat was not delivered: whoever waits for it will soon be alarmed</h3><p>the listener answered 404 Not Found</p>")
	})
	if strings.Contains(page(), "secret") {
		t.Error("the page has the secret")
	}
	if got := troubleCount(t, reg, kindHeartbeat); got != 1 {
		t.Errorf("counted %v", got)
	}

	refuses.Store(false)
	eventually(t, "it beats again", func() bool { return troubleCount(t, reg, kindHeartbeat) == 0 && !strings.Contains(page(), "Heartbeat") })

	exporter.set("no metrics{")
	eventually(t, "the page says that it is withheld", func() bool {
		return strings.Contains(page(), "<h3>Heartbeat is withheld: whoever waits for it will soon be alarmed</h3><p>no exporter is scraped: ")
	})
}
