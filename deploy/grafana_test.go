package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/fixtures/readme"
)

// The commands of Grafana's README put everything where its provisioning looks.
func TestGrafanaFindsWhatIsCopied(t *testing.T) {
	commands, err := readme.Commands(filepath.Join("..", "deploy/grafana/README.md"), runBy+t.Name())
	if err != nil || len(commands) == 0 {
		t.Fatalf("%d commands: %v", len(commands), err)
	}
	root := t.TempDir()
	there := strings.NewReplacer("/etc/grafana", root+"/etc/grafana", "/var/lib/grafana", root+"/var/lib/grafana")
	for _, command := range commands {
		cmd := exec.Command("sh", "-c", there.Replace(command))
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool `yaml:"isDefault"`
			Editable                     bool
			JSONData                     struct {
				HTTPMethod   string `yaml:"httpMethod"`
				TimeInterval string `yaml:"timeInterval"`
				Flavor       string `yaml:"prometheusType"`
				Version      string `yaml:"prometheusVersion"`
			} `yaml:"jsonData"`
		}
	}
	decode(t, root+"/etc/grafana/provisioning/datasources/virt_exporter.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" {
		t.Errorf("data sources: %+v", sources)
	}
	for _, s := range sources.Datasources {
		if s.JSONData.Flavor != "Prometheus" || s.JSONData.Version == "" {
			t.Errorf("Grafana asks %s for all series where the values of a label would do: it takes it for %q %q", s.Name, s.JSONData.Flavor, s.JSONData.Version)
		}
	}
	var boards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type    string
			DisableDeletion       bool `yaml:"disableDeletion"`
			AllowUIUpdates        bool `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int  `yaml:"updateIntervalSeconds"`
			Options               struct{ Path string }
		}
	}
	decode(t, root+"/etc/grafana/provisioning/dashboards/virt_exporter.yml", &boards)
	if len(boards.Providers) != 1 || boards.Providers[0].Type != "file" {
		t.Fatalf("providers of dashboards: %+v", boards)
	}
	found, _ := filepath.Glob(filepath.Join(root, boards.Providers[0].Options.Path, "*.json"))
	want, _ := filepath.Glob("../dashboards/*.json")
	if len(want) == 0 || len(found) != len(want) {
		t.Errorf("below %s are %d of %d dashboards", boards.Providers[0].Options.Path, len(found), len(want))
	}
}

// decode refuses fields that Grafana does not know: it would take no notice of them.
func decode(t *testing.T, file string, into any) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
