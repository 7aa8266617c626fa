package libvirt

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// domstats reads what `virsh domstats` printed, domain by domain, as the typed
// parameters that virsh was given.
func domstats(tb testing.TB, file string) map[string][]golibvirt.TypedParam {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		tb.Fatal(err)
	}
	domains := make(map[string][]golibvirt.TypedParam)
	var name string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if n, ok := strings.CutPrefix(line, "Domain: "); ok {
			name = strings.Trim(n, "'")
			continue
		}
		if field, value, ok := strings.Cut(line, "="); ok {
			domains[name] = append(domains[name], typed(field, value))
		}
	}
	return domains
}

// typed gives a parameter the type that the daemon gives it.
func typed(field, value string) golibvirt.TypedParam {
	p := golibvirt.TypedParam{Field: field}
	n, err := strconv.ParseUint(value, 10, 64)
	switch {
	case value == "yes" || value == "no":
		p.Value = *golibvirt.NewTypedParamValueBoolean(map[string]int32{"yes": 1}[value])
	case err != nil || strings.HasSuffix(field, ".name") || strings.HasSuffix(field, ".path"):
		p.Value = *golibvirt.NewTypedParamValueString(value)
	case strings.HasPrefix(field, "state.") || strings.HasSuffix(field, ".state"):
		p.Value = *golibvirt.NewTypedParamValueInt(int32(n))
	case strings.HasSuffix(field, "t.current") || strings.HasSuffix(field, "u.current") || strings.HasSuffix(field, "u.maximum"):
		p.Value = *golibvirt.NewTypedParamValueUint(uint32(n))
	default:
		p.Value = *golibvirt.NewTypedParamValueUllong(n)
	}
	return p
}

// typedParams makes parameters of FIELD=VALUE.
func typedParams(fields ...string) []golibvirt.TypedParam {
	params := make([]golibvirt.TypedParam, 0, len(fields))
	for _, f := range fields {
		field, value, _ := strings.Cut(f, "=")
		params = append(params, typed(field, value))
	}
	return params
}

// filled returns what one reading gives.
func filled(params []golibvirt.TypedParam) *model.Guest {
	g := new(model.Guest)
	new(carry).fill(g, params)
	return g
}

func exitsOf(g *model.Guest) map[string]float64 {
	m := make(map[string]float64)
	for _, e := range g.Exits {
		m[e.Reason] = e.Count.Or(-1)
	}
	return m
}
