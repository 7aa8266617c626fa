package alerts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// parsedRules returns the rules as Prometheus reads them, with annotations that one
// rule has from another.
func parsedRules(t *testing.T) (all []rulefmt.Rule) {
	t.Helper()
	files, err := fs.Glob(alerts.Rules(), "*.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(alerts.Rules(), file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, g := range parsed.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// A guest that is muted with its alert's name or with all must not be told of, and
// a name that is misspelt would mute nothing.
func TestEachAlertOnGuestsCanBeMuted(t *testing.T) {
	guests := 0
	own := regexp.MustCompile(`virt_guest_alert_(?:muted|threshold)\{alert=~?"([A-Za-z]+)(\|all)?"`)
	for _, r := range parsedRules(t) {
		if r.Alert == "" {
			continue
		}
		for _, m := range own.FindAllStringSubmatch(r.Expr, -1) {
			if m[1] != r.Alert {
				t.Errorf("%s reads what is meant for %s", r.Alert, m[1])
			}
		}
		if !strings.Contains(r.Annotations["description"], "$labels.guest") {
			continue
		}
		if guests++; strings.Contains(r.Expr, "count without (kind, runtime, guest, mountpoint)") {
			continue // one alert for a machine
		}
		if !strings.Contains(r.Expr, `virt_guest_alert_muted{alert=~"`+r.Alert+`|all"}`) {
			t.Errorf("%s (%s) cannot be muted for a guest", r.Alert, r.Labels["severity"])
		}
	}
	if guests < 20 {
		t.Errorf("%d alerts on guests were found", guests)
	}
}

// Labels that a scraper adds keep machines apart; what an annotation asks must
// have them too, or it tells numbers and culprits of another machine.
func TestAnnotationsAskForOneMachineOnly(t *testing.T) {
	var (
		query = regexp.MustCompile(`printf "(?:[^"\\]|\\.)*"[^|{}]*\| query`)
		keeps = regexp.MustCompile(`range \$k, \$v := \$labels \}\}\{\{ if and \(match "[^"]+" \$k\) \(not \(match "\^\(([^"]+)\)\$" \$k\)\) \}\}\{\{ \$(\w+) = printf "%s,%s=%q" \$(\w+) \$k \$v`)
		used  = regexp.MustCompile(`\$labels\.(\w+)`)
	)
	for _, r := range parsedRules(t) {
		text := r.Annotations["description"]
		if !query.MatchString(text) {
			continue
		}
		m := keeps.FindStringSubmatch(text)
		if m == nil || m[2] != m[3] {
			t.Errorf("%s asks without the labels of others", r.Alert)
			continue
		}
		_, asked, _ := strings.Cut(text, m[0])
		for _, q := range query.FindAllString(asked, -1) {
			if !strings.Contains(q, "$"+m[2]) {
				t.Errorf("%s asks for any machine: %s", r.Alert, q)
			}
		}
		ours := strings.Split(m[1], "|")
		for _, l := range used.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(ours, l[1]) {
				t.Errorf("%s takes %s for a label of others", r.Alert, l[1])
			}
		}
	}
}

// What is recorded and never read costs its evaluation and its series.
func TestWhatIsRecordedIsRead(t *testing.T) {
	readers := map[string]string{}
	files, err := filepath.Glob(filepath.Join("..", "dashboards", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "RUNBOOK.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		readers[file] = string(text)
	}
	// Of two rules that record one name, neither reads it for the other.
	for _, r := range parsedRules(t) {
		readers[r.Record+r.Alert] += r.Expr + "\n" + r.Annotations["description"] + "\n"
	}
	panels := []string{"virt:node_guest_cpu_steal:rate5m", "virt:guest_cpu_steal:ratio_rate30m"} // for those of users
	for _, r := range parsedRules(t) {
		if r.Record == "" || slices.Contains(panels, r.Record) {
			continue
		}
		read := false
		name := regexp.MustCompile(`(?:^|[^a-z0-9_:])` + regexp.QuoteMeta(r.Record) + `(?:$|[^a-z0-9_:])`)
		for by, text := range readers {
			read = read || by != r.Record && name.MatchString(text)
		}
		if !read {
			t.Errorf("nobody reads %s", r.Record)
		}
	}
}
