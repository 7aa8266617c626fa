package dashboards

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What is of one host or guest is of that which was clicked on, or looked at: without
// one, Grafana would show the first that there is.
func TestLinksSayOfWhich(t *testing.T) {
	for _, from := range All() {
		var addresses []string
		for _, link := range from.links() {
			addresses = append(addresses, link.URL)
		}
		for _, link := range panelLinks(&from) {
			addresses = append(addresses, link.URL)
		}
		for _, url := range addresses {
			to, set := linked(url)
			if to == nil || !to.Alone {
				continue
			}
			for _, m := range setVariable.FindAllStringSubmatch(url, -1) {
				set = append(set, m[1])
			}
			for i := range to.Variables {
				name := to.Variables[i].Name
				if from.UID == to.UID || slices.Contains(set, name) {
					continue
				}
				t.Errorf("%s leads to %s of any %s: %s", from.UID, to.UID, name, url)
			}
		}
	}
}

// What Grafana finds in an address it takes, All too where nobody can choose it: a page
// of one host would add up those of a fleet.
func TestLinksCarryAllOnlyWhereItMayBeChosen(t *testing.T) {
	for _, from := range All() {
		for _, link := range from.links() {
			if link.Type == "dashboards" && link.IncludeVars {
				for _, to := range All() {
					for i := range from.Variables {
						checkCarried(t, &from, &to, &from.Variables[i])
					}
				}
			}
			checkAddress(t, &from, link.URL)
		}
		for _, p := range from.Panels() {
			links := slices.Clone(p.Links)
			for _, f := range p.Fields {
				links = append(links, f.Links...)
			}
			for _, link := range links {
				checkAddress(t, &from, link.URL)
			}
		}
	}
}

// checkAddress fails where an address carries what one of the two does not have, or All
// to where there is one.
func checkAddress(t *testing.T, from *Dashboard, url string) {
	t.Helper()
	to, names := linked(url)
	for _, name := range names {
		v := variableNamed(from, name)
		if v == nil || variableNamed(to, name) == nil {
			t.Errorf("%s carries %s to %s: one of them has no such variable", from.UID, name, to.UID)
			continue
		}
		checkCarried(t, from, to, v)
	}
}

// checkCarried fails where a variable may be All and the same of another dashboard not,
// and where it is one and the other all: a host goes with who looks at it, and nothing
// else does.
func checkCarried(t *testing.T, from, to *Dashboard, v *Variable) {
	t.Helper()
	other := variableNamed(to, v.Name)
	if other != nil && v.All && !other.All {
		t.Errorf("%s carries %s to %s, which shows one: it may be all", from.UID, v.Name, to.UID)
	}
	if other != nil && !v.All && other.All && v.Name != "host" {
		t.Errorf("%s narrows %s to its %s: it shows all", from.UID, to.UID, v.Name)
	}
}

func TestEachDashboardLeadsToTheOthers(t *testing.T) {
	for _, from := range All() {
		if from.Wall {
			continue
		}
		menu, reached := false, map[string]bool{}
		for _, link := range from.links() {
			menu = menu || link.Type == "dashboards" && slices.Contains(link.Tags, tag)
			if to, _ := linked(link.URL); to != nil {
				reached[to.UID] = true
				if !link.KeepTime || !strings.Contains(link.URL, "${datasource:queryparam}") {
					t.Errorf("%s leads to %s at another time or of another source", from.UID, to.UID)
				}
			}
		}
		for _, link := range panelLinks(&from) {
			if to, _ := linked(link.URL); to != nil {
				reached[to.UID] = true
			}
		}
		for _, to := range All() {
			if from.UID == "virt-filesystems" && to.UID == "virt-guest" {
				continue // of the container of a mount nobody says there what kind it is: the host leads on
			}
			if !menu && !to.Wall && to.UID != from.UID && !reached[to.UID] {
				t.Errorf("nothing leads from %s to %s", from.UID, to.UID)
			}
		}
	}
}

var (
	linkedTo = regexp.MustCompile(`^/d/([a-z-]+)\?`)
	carried  = regexp.MustCompile(`\$\{([a-z_]+):queryparam\}`)
)

// linked returns the dashboard that an address is of, nil if of none, and the variables
// that it carries.
func linked(url string) (to *Dashboard, names []string) {
	m := linkedTo.FindStringSubmatch(url)
	if m == nil {
		return nil, nil
	}
	for _, d := range All() {
		if d.UID == m[1] {
			to = &d
		}
	}
	for _, m := range carried.FindAllStringSubmatch(url, -1) {
		if m[1] != "datasource" {
			names = append(names, m[1])
		}
	}
	return to, names
}

func variableNamed(d *Dashboard, name string) *Variable {
	i := slices.IndexFunc(d.Variables, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Variables[i]
}
