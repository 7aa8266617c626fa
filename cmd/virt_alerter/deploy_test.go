package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The lines of the DaemonSet that are comments are flags of this program: each of
// several Alertmanagers is told everything, and alerts have Prometheus' external labels.
func TestCommentedFlagsOfTheDaemonSet(t *testing.T) {
	text, err := os.ReadFile("../../deploy/kubernetes/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := bytes.Cut(text, []byte("command: [/virt_alerter]"))
	if !ok {
		t.Fatal("the DaemonSet does not run this program")
	}
	text, _, _ = bytes.Cut(text, []byte(" env:"))
	var args []string
	for _, m := range regexp.MustCompile(`(?m)^ +(# )?- (--.*)$`).FindAllSubmatch(text, -1) {
		arg := string(m[2])
		if isComment := len(m[1]) > 0; isComment || !strings.HasPrefix(arg, "--alertmanager=") {
			args = append(args, strings.ReplaceAll(arg, "$(NODE_NAME)", "node-a"))
		}
	}
	opts, err := parseFlags(args, new(bytes.Buffer))
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if err := opts.check(); err != nil {
		t.Errorf("%q: %v", args, err)
	}
	want := []string{
		"http://alertmanager-main-0.alertmanager-operated.monitoring.svc:9093",
		"http://alertmanager-main-1.alertmanager-operated.monitoring.svc:9093",
		"http://alertmanager-main-2.alertmanager-operated.monitoring.svc:9093",
	}
	if diff := cmp.Diff(want, opts.engine.Alertmanagers); diff != "" {
		t.Errorf("Alertmanagers (- want):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"prometheus": "monitoring/k8s"}, opts.engine.ExternalLabels); diff != "" {
		t.Errorf("external labels (- want):\n%s", diff)
	}
}
