package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// What is committed is what "make rules" would write.
func TestOperatorRulesAreMadeOfTheRuleFiles(t *testing.T) {
	want, err := operatorRules(alerts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../deploy/kubernetes/operator/prometheusrule.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error(`deploy/kubernetes/operator/prometheusrule.yaml is of other rules: run "make rules"`)
	}
}

func TestOperatorHasEveryRule(t *testing.T) {
	b, err := operatorRules(alerts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for objects := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var object struct {
			Spec struct {
				Groups []struct {
					Name     string `yaml:"name"`
					Interval string `yaml:"interval"`
					Rules    []any  `yaml:"rules"`
				} `yaml:"groups"`
			} `yaml:"spec"`
		}
		err := objects.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range object.Spec.Groups {
			all[g.Name+" "+g.Interval] = g.Rules
		}
	}
	if diff := cmp.Diff(rules(t, alerts.Rules(), "*.rules.yml"), all); diff != "" {
		t.Errorf("the objects have other rules than the rule files:\n%s", diff)
	}
}
