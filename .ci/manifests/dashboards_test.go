package manifests

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// customized returns the objects that kubectl apply -k makes of a directory.
func customized(t *testing.T, dir string) []*corev1.ConfigMap {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	all, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	var maps []*corev1.ConfigMap
	for _, object := range all {
		m, ok := object.(*corev1.ConfigMap)
		if !ok {
			t.Fatalf("an object of type %T", object)
		}
		maps = append(maps, m)
	}
	return maps
}

// Each dashboard has a ConfigMap that the sidecar of a Grafana loads, and that the API
// server takes.
func TestEachDashboardHasAConfigMap(t *testing.T) {
	const most = 1 << 20 // bytes of data, as the API server counts
	boards := filepath.Join(top, "dashboards")
	got := map[string]bool{}
	for _, m := range customized(t, boards) {
		if m.Labels["grafana_dashboard"] != "1" {
			t.Errorf("%s has the labels %v", m.Name, m.Labels)
		}
		size := 0
		for key, text := range m.Data {
			// All sidecars put the files of all namespaces into one directory.
			if !strings.HasPrefix(key, "virt_") || !json.Valid([]byte(text)) {
				t.Errorf("%s has the file %s", m.Name, key)
			}
			size += len(key) + len(text)
			got[text] = true
		}
		if len(m.Data) != 1 || len(m.BinaryData) != 0 {
			t.Errorf("%s has %d files", m.Name, len(m.Data)+len(m.BinaryData))
		}
		t.Logf("%s: %d KiB", m.Name, size>>10)
		if size > most/2 {
			t.Errorf("%s has %d bytes of %d", m.Name, size, most)
		}
	}
	files, err := filepath.Glob(boards + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range files {
		if text := string(read(t, file)); !got[text] {
			t.Errorf("no ConfigMap has %s", file)
		} else {
			delete(got, text)
		}
	}
	if len(got) > 0 {
		t.Errorf("%d ConfigMaps more than dashboards", len(got))
	}
}

// A name that changes with the text would leave the old dashboard beside the new one.
func TestConfigMapsOfDashboardsKeepTheirNames(t *testing.T) {
	var names []string
	for _, m := range customized(t, filepath.Join(top, "dashboards")) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	var want []string
	files, _ := filepath.Glob(filepath.Join(top, "dashboards/*.json")) // the pattern is right
	for _, file := range files {
		name := filepath.Base(file)
		want = append(want, "virt-exporter-dashboard-"+name[:len(name)-len(".json")])
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (- want):\n%s", diff)
	}
}
