package manifests

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// groups parses rules as Prometheus does, and returns them by the name of their group.
func groups(t *testing.T, name string, text []byte) map[string]rulefmt.RuleGroup {
	t.Helper()
	parsed, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatalf("%s: %v", name, errs)
	}
	all := map[string]rulefmt.RuleGroup{}
	for _, g := range parsed.Groups {
		all[g.Name] = g
	}
	return all
}

// The operator has the rules that the files have: it gives Prometheus the objects' spec.
func TestOperatorHasTheRulesOfTheFiles(t *testing.T) {
	want, got := map[string]rulefmt.RuleGroup{}, map[string]rulefmt.RuleGroup{}
	files, err := filepath.Glob(top + "/alerts/*.rules.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	for _, file := range files {
		for name, g := range groups(t, file, read(t, file)) {
			want[name] = g
		}
	}
	objects := objects[*monitoring.PrometheusRule](t, "operator/prometheusrule.yaml")
	if len(objects) != len(files) {
		t.Errorf("%d objects of %d rule files", len(objects), len(files))
	}
	for _, object := range objects {
		spec, err := json.Marshal(object.Spec) // which is YAML
		if err != nil {
			t.Fatal(err)
		}
		for name, g := range groups(t, object.Name, spec) {
			if _, twice := got[name]; twice {
				t.Errorf("the group %s is there twice", name)
			}
			got[name] = g
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (- of the files):\n%s", diff)
	}
}

// kubectl apply keeps an object once more in an annotation of it, and the API server
// refuses those of more than 256 KiB.
func TestObjectsOfRulesCanBeApplied(t *testing.T) {
	const most = 256 << 10
	for _, object := range objects[*monitoring.PrometheusRule](t, "operator/prometheusrule.yaml") {
		b, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d KiB", object.Name, len(b)>>10)
		if len(b) > most/2 {
			t.Errorf("%s has %d bytes: divide the rule file before it has %d", object.Name, len(b), most)
		}
	}
}
