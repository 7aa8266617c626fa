package bpf

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestTotalsOfGuestsInsideOthers(t *testing.T) {
	outer := &guest{about: container("outer", "/outer", ""), slot: 10, placed: true}
	inner := &guest{about: container("inner", "/outer/inner", "outer"), slot: 11, around: outer, placed: true}
	vm := &guest{about: machine("vm", "/outer/vm", nil, nil), slot: 12, helpers: 13, around: outer}
	outer.inner = []*guest{inner, vm}
	counted := &totals{usages: map[part]*usage{
		{guest: outer}:             {run: 1e9, steal: 10e9},
		{guest: inner}:             {run: 2e9, steal: 20e9},
		{guest: vm}:                {run: 4e9, steal: 40e9},
		{guest: vm, helpers: true}: {run: 8e9, steal: 80e9},
	}}
	says := func(g *guest) [2]model.Opt {
		var m model.MeasuredGuest
		counted.report(g, &m)
		return [2]model.Opt{m.Run, m.Steal}
	}
	check := func(what string, g *guest, want [2]model.Opt) {
		t.Helper()
		if diff := cmp.Diff(want, says(g), cmp.AllowUnexported(model.Opt{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("a container holds those inside it", outer, [2]model.Opt{model.Some(15), model.Some(150)})
	check("an inner one holds its own", inner, [2]model.Opt{model.Some(2), model.Some(20)})
	check("of a virtual machine nothing is said", vm, [2]model.Opt{})

	for _, g := range []*guest{inner, vm} {
		g.gone, g.goneAt = true, time.Second
	}
	outer.inner = nil
	counted.inherit(2 * time.Second)
	check("what is gone stays in the one around it", outer, [2]model.Opt{model.Some(15), model.Some(150)})

	outer.gone, outer.goneAt = true, 2*time.Second
	counted.inherit(3 * time.Second)
	check("a guest that is gone is remembered for a while", outer, [2]model.Opt{model.Some(15), model.Some(150)})
	counted.inherit(3*time.Second + kept)
	if len(counted.usages) > 0 {
		t.Errorf("%d guests are remembered that are gone", len(counted.usages))
	}
}

func TestCgroupsThatAreForgotten(t *testing.T) {
	const now = time.Hour
	at := func(ago time.Duration) nameless { return nameless{At: uint64(now - ago)} }
	values := []nameless{at(0), at(namelessPressed + 1), at(namelessKept + 1), at(-time.Second)}
	for _, test := range []struct {
		name string
		most int // in the map
		want []uint64
	}{
		{"after a minute", 100, []uint64{3}},
		{"sooner when there are many", 6, []uint64{2, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ids := append(make([]uint64, 0, test.most), 1, 2, 3, 4)
			if diff := cmp.Diff(test.want, forgettable(now, ids, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
