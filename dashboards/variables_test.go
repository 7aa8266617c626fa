package dashboards

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	setVariable = regexp.MustCompile(`[?&]var-([a-z_]+)=([^&]*)`)
	ownVariable = regexp.MustCompile(`\$\{([a-z][a-z_]*)[:}]`)
)

// panelLinks returns all links of the panels of a dashboard.
func panelLinks(d *Dashboard) (all []Link) {
	for _, p := range d.Panels() {
		all = append(all, p.Links...)
		for _, f := range p.Fields {
			all = append(all, f.Links...)
		}
	}
	return all
}

// Grafana says nothing of a variable that it does not know, and shows another guest.
func TestLinksOfPanelsSetVariablesThatThereAre(t *testing.T) {
	// Who says one of these says all of them: else equal names are one.
	together := map[string][]string{
		"virt-guest":       {"host", "guest", "kind", "runtime"},
		"virt-neighbours":  {"guest", "at", "victim_kind", "victim_runtime"},
		"virt-filesystems": {"container", "mountpoint"},
	}
	for _, from := range All() {
		for _, link := range panelLinks(&from) {
			to, set := linked(link.URL)
			if to == nil {
				continue
			}
			for _, m := range setVariable.FindAllStringSubmatch(link.URL, -1) {
				set = append(set, m[1])
				if v := variableNamed(to, m[1]); v == nil || m[2] == "$__all" && !v.All {
					t.Errorf("%s sets %s to %s, which %s does not know: %s", from.UID, m[1], m[2], to.UID, link.URL)
				}
			}
			for _, m := range ownVariable.FindAllStringSubmatch(link.URL, -1) {
				if m[1] != "datasource" && variableNamed(&from, m[1]) == nil {
					t.Errorf("%s has no variable %s: %s", from.UID, m[1], link.URL)
				}
			}
			named := func(name string) bool { return slices.Contains(set, name) }
			for _, name := range together[to.UID] {
				if !named(name) && slices.ContainsFunc(together[to.UID], named) {
					t.Errorf("%s does not say which %s: %s", from.UID, name, link.URL)
				}
			}
		}
	}
}

// Figures of two guests would be added.
func TestOneGuestIsChosen(t *testing.T) {
	for uid, names := range map[string][]string{
		"virt-guest":      {"host", "guest", "kind", "runtime"},
		"virt-neighbours": {"guest", "at", "victim_kind", "victim_runtime"},
	} {
		for _, d := range All() {
			if d.UID != uid {
				continue
			}
			for _, name := range names {
				if v := variableNamed(&d, name); v == nil || v.All || v.Multi {
					t.Errorf("%s: of %s not one is chosen", uid, name)
				}
			}
		}
	}
}

// What is asked for anew with the time is so at each refresh: thousands of guests, and
// Grafana puts the first of them in place of one that is no longer there. So it does
// where another resource is looked at.
func TestAChoiceIsKept(t *testing.T) {
	for _, d := range All() {
		for _, v := range d.Variables {
			if v.Kind == "" && v.grafana()["refresh"] != 1 {
				t.Errorf("%s: %s has refresh %v, want 1: when the dashboard is opened", d.UID, v.Name, v.grafana()["refresh"])
			}
			if strings.Contains(v.Query, "$resource") || strings.Contains(v.Query, "$__") {
				t.Errorf("%s: %s changes with what is looked at: %s", d.UID, v.Name, v.Query)
			}
		}
	}
}

// An alerter is at an address of its own, which is no host that is chosen.
func TestMarksTellOfAlertersToo(t *testing.T) {
	for _, d := range All() {
		marks := alertsExpr(d.Alerts, "warning")
		if told := strings.Contains(marks, `,alertname="VirtAlerterDown"}`); told != (d.UID == "virt-exporter") {
			t.Errorf("%s marks that an alerter is down: %t: %s", d.UID, told, marks)
		}
	}
}

// The window of a rate must have two samples, whatever the data source says of how
// often there are some.
func TestRatesHaveAWindowOfTheirOwn(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			for i, target := range p.grafana().Targets {
				want := ""
				if strings.Contains(p.Queries[i].Expr, "$__rate_interval") {
					want = "1m"
				}
				if target.Interval != want {
					t.Errorf("%s, %q: the least step is %q, want %q", d.UID, p.Title, target.Interval, want)
				}
			}
		}
	}
}
