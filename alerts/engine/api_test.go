package engine

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// apiRules are evaluated over the samples of filledWorld.
const apiRules = `
groups:
  - name: cpu
    limit: 7
    rules:
      - record: job:up
        expr: sum by (job) (up)
        labels: {made: here}
      - alert: Fires
        expr: busy > 0.5
        labels: {severity: critical}
        annotations: {summary: '{{ $labels.guest }} is busy at {{ $value }}.'}
      - alert: Waits
        expr: busy > 0.5
        for: 5m
        keep_firing_for: 10m
      - alert: Calm
        expr: busy > 99
  - name: broken
    interval: 1m
    rules:
      - alert: Fails
        expr: up * on () up
`

func filledWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.add(t, labels.FromStrings("__name__", "up", "job", "virt_exporter", "instance", "a:1"), 1, 1, 1)
	w.add(t, labels.FromStrings("__name__", "up", "job", "virt_exporter", "instance", "b:1"), 1, 1, 0)
	w.add(t, labels.FromStrings("__name__", "busy", "guest", "<b>\"é\\\n"), 0.25, 0.5, 0.75)
	w.add(t, labels.FromStrings("__name__", "odd", "value", "NaN"), math.NaN())
	w.add(t, labels.FromStrings("__name__", "odd", "value", "+Inf"), math.Inf(1))
	w.add(t, labels.FromStrings("__name__", "odd", "value", "-Inf"), math.Inf(-1))
	w.add(t, labels.FromStrings("__name__", "odd", "value", "tiny"), 1e-9)
	w.add(t, labels.FromStrings("__name__", "odd", "value", "huge"), 1e22)
	w.addHistogram(t, labels.FromStrings("__name__", "delay"))
	w.target("a:1", nil).SetMetadataStore(metadataStore{
		{MetricFamily: "up", Type: model.MetricTypeGauge, Help: "Whether.", Unit: ""},
		{MetricFamily: "busy", Type: model.MetricTypeGauge, Help: "How <busy>.", Unit: "ratio"},
	})
	w.target("127.0.0.1:2", errors.New(`connection "refused"`)).SetMetadataStore(metadataStore{
		{MetricFamily: "up", Type: model.MetricTypeGauge, Help: "Another help.", Unit: ""},
	})
	w.ams = []*url.URL{{Scheme: "http", Host: "am:9093", Path: "/api/v2/alerts"}}
	w.evaluate(t, apiRules)
	return w
}

// metadataStore is a metadata store.
type metadataStore []scrape.MetricMetadata

func (f metadataStore) ListMetadata() []scrape.MetricMetadata { return f }

func (f metadataStore) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	for _, m := range f {
		if m.MetricFamily == name {
			return m, true
		}
	}
	return scrape.MetricMetadata{}, false
}

func (f metadataStore) SizeMetadata() int   { return 0 }
func (f metadataStore) LengthMetadata() int { return len(f) }

// midnight is the time in a bubble of synctest, in seconds since 1970.
const midnight = 946684800

// requests are asked of filledWorld. A body is posted as a form.
var requests = []struct{ name, target, body string }{
	{"instant vector", "/api/v1/query?query=up", ""},
	{"instant vector by POST", "/api/v1/query", "query=up"},
	{"at a time", "/api/v1/query?query=busy&time=946684785.5", ""},
	{"at a time in words", "/api/v1/query?query=busy&time=1999-12-31T23:59:46Z", ""},
	{"odd values", "/api/v1/query?query=odd", ""},
	{"scalar", "/api/v1/query?query=1.5", ""},
	{"string", "/api/v1/query?query=%22%3Cx%3E%22", ""},
	{"matrix", "/api/v1/query?query=busy[1m]", ""},
	{"native histogram", "/api/v1/query?query=delay", ""},
	{"nothing", "/api/v1/query?query=nope", ""},
	{"limit", "/api/v1/query?query=up&limit=1", ""},
	{"lookback", "/api/v1/query?query=busy&time=946684794.999&lookback_delta=5s", ""},
	{"info", "/api/v1/query?query=rate(busy[1m])", ""},
	{"warning", "/api/v1/query?query=quantile(7,up)", ""},
	{"grafana's test of the source", "/api/v1/query", "query=1%2B1&time=946684800"},
	{"range", "/api/v1/query_range?query=busy&start=946684770&end=946684800&step=15", ""},
	{"range by POST", "/api/v1/query_range", "query=up&start=946684785&end=946684800&step=15s&timeout=60"},
	{"range with histograms", "/api/v1/query_range?query=delay&start=946684800&end=946684815&step=15", ""},
	{"range of nothing", "/api/v1/query_range?query=nope&start=946684770&end=946684800&step=15", ""},
	{"exemplars", "/api/v1/query_exemplars?query=up&start=946684770&end=946684800", ""},
	{"formatted", "/api/v1/format_query?query=sum+by(job)(up)", ""},
	{"series", "/api/v1/series?match[]=up", ""},
	{"series of two selectors by POST", "/api/v1/series", "match[]=up&match[]={instance=~%22a.*%22}"},
	{"series with a limit", "/api/v1/series?match[]=up&limit=1", ""},
	{"series of another time", "/api/v1/series?match[]=up&start=0&end=1", ""},
	{"labels", "/api/v1/labels", ""},
	{"labels of a selector by POST", "/api/v1/labels", "match[]=up"},
	{"labels of two selectors with a limit", "/api/v1/labels?match[]=up&match[]=odd&limit=2", ""},
	{"label values", "/api/v1/label/__name__/values", ""},
	{"label values of a selector", "/api/v1/label/instance/values?match[]=up{instance=~%22b.*%22}", ""},
	{"label values of two selectors", "/api/v1/label/__name__/values?match[]=up&match[]=odd&limit=1", ""},
	{"label values of none", "/api/v1/label/nope/values", ""},
	{"metadata", "/api/v1/metadata", ""},
	{"metadata of one", "/api/v1/metadata?metric=busy", ""},
	{"metadata with limits", "/api/v1/metadata?limit=2&limit_per_metric=1", ""},
	{"rules", "/api/v1/rules", ""},
	{"rules that alert", "/api/v1/rules?type=alert&exclude_alerts=true", ""},
	{"rules that record", "/api/v1/rules?type=record", ""},
	{"rules by name", "/api/v1/rules?rule_name[]=Calm", ""},
	{"rules by group and file", "/api/v1/rules?rule_group[]=broken&file[]=/etc/own.rules.yml", ""},
	{"rules of another file", "/api/v1/rules?file[]=/etc/other.yml", ""},
	{"rules by label", "/api/v1/rules?match[]={severity=%22critical%22}", ""},
	{"first page of rules", "/api/v1/rules?rule_name[]=Calm&rule_name[]=Fails&group_limit=1", ""},
	{"alerts", "/api/v1/alerts", ""},
	{"targets", "/api/v1/targets", ""},
	{"active targets", "/api/v1/targets?state=active&scrapePool=nope", ""},
	{"dropped targets", "/api/v1/targets?state=dropped", ""},
	{"alertmanagers", "/api/v1/alertmanagers", ""},

	{"no query", "/api/v1/query", ""},
	{"bad query", "/api/v1/query?query=sum(", ""},
	{"bad time", "/api/v1/query?query=up&time=yesterday", ""},
	{"time that is none", "/api/v1/query?query=up&time=NaN", ""},
	{"bad limit", "/api/v1/query?query=up&limit=-1", ""},
	{"bad timeout", "/api/v1/query?query=up&timeout=soon", ""},
	{"bad lookback", "/api/v1/query?query=up&lookback_delta=x", ""},
	{"failing query", "/api/v1/query?query=up*on()up", ""},
	{"too many samples", "/api/v1/query?query=sum_over_time(vector(1)[1h:1s])", ""},
	{"no time left", "/api/v1/query?query=up&timeout=0", ""},
	{"range without its start", "/api/v1/query_range?query=up&end=1&step=1", ""},
	{"range that ends too soon", "/api/v1/query_range?query=up&start=2&end=1&step=1", ""},
	{"range without steps", "/api/v1/query_range?query=up&start=1&end=2&step=0", ""},
	{"range with steps too small to count", "/api/v1/query_range?query=up&start=1&end=1&step=0.0001", ""},
	{"range with steps without end", "/api/v1/query_range?query=up&start=1&end=2&step=1e300", ""},
	{"range with too many points", "/api/v1/query_range?query=up&start=0&end=11001&step=1", ""},
	{"bad exemplars", "/api/v1/query_exemplars?query=sum(", ""},
	{"exemplars that end too soon", "/api/v1/query_exemplars?query=up&start=2&end=1", ""},
	{"bad format", "/api/v1/format_query?query=sum(", ""},
	{"series of none", "/api/v1/series", ""},
	{"series of all", "/api/v1/series?match[]={job=~%22.*%22}", ""},
	{"bad selector", "/api/v1/series?match[]=sum(up)", ""},
	{"bad selector of labels", "/api/v1/labels?match[]=sum(up)", ""},
	{"bad label", "/api/v1/label/%FF/values", ""},
	{"bad limit of metadata", "/api/v1/metadata?limit=x", ""},
	{"bad type of rules", "/api/v1/rules?type=x", ""},
	{"bad token", "/api/v1/rules?group_limit=1&group_next_token=x", ""},
	{"token without a limit", "/api/v1/rules?group_next_token=x", ""},
	{"bad limit of groups", "/api/v1/rules?group_limit=0", ""},
}

func TestAPIAnswersAsPrometheusDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := filledWorld(t)
		defer w.close(t)
		mux := http.NewServeMux()
		w.pages.api.register(mux)
		var all bytes.Buffer
		for _, rq := range requests {
			rec := ask(t, mux, rq.target, rq.body)
			fmt.Fprintf(&all, "# %s\n%s %s\n%d %s\n\n", rq.name, rq.target, rq.body, rec.Code, rec.Body)
			if !json.Valid(rec.Body.Bytes()) {
				t.Errorf("%s: not JSON: %s", rq.name, rec.Body)
			}
			if got := rec.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("%s: content type %q", rq.name, got)
			}
		}
		golden(t, "api.golden", all.Bytes())
	})
}

func ask(t *testing.T, h http.Handler, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if body != "" {
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestGroupsCanBeReadPageByPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := filledWorld(t)
		defer w.close(t)
		mux := http.NewServeMux()
		w.pages.api.register(mux)
		var names []string
		for next := ""; ; {
			var got struct{ Data ruleGroupList }
			rec := ask(t, mux, "/api/v1/rules?group_limit=1&group_next_token="+next, "")
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for _, g := range got.Data.Groups {
				names = append(names, g.Name)
			}
			if next = got.Data.NextToken; next == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"broken", "cpu"}, names); diff != "" {
			t.Errorf("groups (-want +got):\n%s", diff)
		}
	})
}

func TestAnswersAreCompressedOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := filledWorld(t)
		defer w.close(t)
		mux := http.NewServeMux()
		w.pages.api.register(mux)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/query?query=up", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		if got := rec.Header().Get("Content-Encoding"); got != "gzip" {
			t.Fatalf("content encoding %q", got)
		}
		zr, err := gzip.NewReader(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(zr)
		if err != nil || !strings.HasPrefix(string(text), `{"status":"success"`) {
			t.Errorf("%v: %s", err, text)
		}
	})
}

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	mux := http.NewServeMux()
	(&api{}).register(mux)
	for _, tt := range []struct {
		method, path string
		code         int
	}{
		{http.MethodPost, "/api/v1/rules", 405},
		{http.MethodDelete, "/api/v1/query", 405},
		{http.MethodPost, "/api/v1/admin/tsdb/delete_series", 404},
		{http.MethodPost, "/api/v1/write", 404},
	} {
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if rec.Code != tt.code {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, rec.Code, tt.code)
		}
	}
}

func TestStorageThatFailsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		w.pages.api.storage = failing{errors.New("disk gone")}
		mux := http.NewServeMux()
		w.pages.api.register(mux)
		for target, want := range map[string]string{
			"/api/v1/query?query=up":       `422 {"status":"error","errorType":"execution","error":"disk gone"}`,
			"/api/v1/series?match[]=up":    `422 {"status":"error","errorType":"execution","error":"disk gone"}`,
			"/api/v1/labels":               `422 {"status":"error","errorType":"execution","error":"disk gone"}`,
			"/api/v1/label/job/values":     `422 {"status":"error","errorType":"execution","error":"disk gone"}`,
			"/api/v1/format_query?query=1": `200 {"status":"success","data":"1"}`,
		} {
			rec := ask(t, mux, target, "")
			if got := fmt.Sprintf("%d %s", rec.Code, rec.Body); got != want {
				t.Errorf("%s:\n got %s\nwant %s", target, got, want)
			}
		}
	})
}

func TestVersionIsThatOfTheServer(t *testing.T) {
	of := func(path, version string) func() (*debug.BuildInfo, bool) {
		return func() (*debug.BuildInfo, bool) {
			return &debug.BuildInfo{Deps: []*debug.Module{{Path: "x", Version: "v1.2.3"}, {Path: path, Version: version}}}, true
		}
	}
	const module = "github.com/prometheus/prometheus"
	for _, tt := range []struct {
		read func() (*debug.BuildInfo, bool)
		want string
	}{
		{of(module, "v0.315.0"), "3.15.0"},
		{of(module, "v0.300.2-0.20250101000000-abcdef"), "3.0.2"},
		{of(module, "v0.55.1"), leastVersion},
		{of(module, "(devel)"), leastVersion},
		{of("y", "v0.315.0"), leastVersion},
		{func() (*debug.BuildInfo, bool) { return nil, false }, leastVersion},
	} {
		if got := prometheusVersion(tt.read); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestStatusPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		mux := http.NewServeMux()
		w.pages.api.register(mux)
		var build struct{ Data buildInfoData }
		if err := json.Unmarshal(ask(t, mux, "/api/v1/status/buildinfo", "").Body.Bytes(), &build); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(build.Data.Version, "3.") {
			t.Errorf("version %q: Grafana would ask as of old", build.Data.Version)
		}
		var run struct{ Data runtimeInfoData }
		if err := json.Unmarshal(ask(t, mux, "/api/v1/status/runtimeinfo", "").Body.Bytes(), &run); err != nil {
			t.Fatal(err)
		}
		if run.Data.StorageRetention != "1d" || run.Data.Hostname != "box" || !run.Data.ServerTime.Equal(time.Unix(midnight, 0)) {
			t.Errorf("got %+v", run.Data)
		}
	})
}

// Whatever is in a name, the answer is JSON that gives it back.
func FuzzStringsOfAnswers(f *testing.F) {
	for _, s := range []string{"", "plain", `a"b\c`, "\x00\x1f\x7f", "é\u2028</script>", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := string([]rune(s)); got != want { // each bad byte is replaced
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func FuzzParameters(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "NaN", "1e300", "946684800.123", "2000-01-01T00:00:00Z", "5m", "1h30m", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at, err := parseTime(s); err == nil {
			_ = at.UnixMilli()
		}
		if d, err := parseDuration(s); err == nil && d < 0 && !strings.HasPrefix(s, "-") {
			t.Errorf("%q is %s", s, d)
		}
	})
}
