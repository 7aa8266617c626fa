package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

const operatorHead = `# For the Prometheus operator: the rules of virt_exporter, an object for each rule file.
# A Prometheus that selects rules by a label needs that label here. Made of alerts/*.rules.yml
# by "make rules". Change those, not this one.
`

// prometheusRule is an object of the Prometheus operator.
type prometheusRule struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       ruleFile `yaml:"spec"`
}

type metadata struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace"`
	Labels    map[string]string `yaml:"labels"`
}

// writeOperator puts the rules into a file of objects for the Prometheus operator. One
// for each rule file, because an object may not be of any size.
func writeOperator(file string, rules fs.FS) error {
	b, err := operatorRules(rules)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

func operatorRules(rules fs.FS) ([]byte, error) {
	names, err := fs.Glob(rules, "*.rules.yml")
	if err != nil {
		return nil, fmt.Errorf("listing rule files: %w", err)
	}
	b := bytes.NewBufferString(operatorHead)
	to := yaml.NewEncoder(b)
	to.SetIndent(2)
	for _, name := range names {
		file, err := readRules(rules, name)
		if err != nil {
			return nil, err
		}
		object := prometheusRule{
			APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule", Spec: file,
			Metadata: metadata{
				Name: "virt-exporter-" + strings.TrimSuffix(name, ".rules.yml"), Namespace: "virt-exporter",
				Labels: map[string]string{"app.kubernetes.io/name": "virt-exporter"},
			},
		}
		if err := to.Encode(object); err != nil {
			return nil, fmt.Errorf("encoding the rules of %s: %w", name, err)
		}
	}
	return b.Bytes(), nil
}
