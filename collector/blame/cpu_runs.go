package blame

import (
	"math/bits"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// densities says how much was run on each CPU, if everybody ran on all of his alike.
// Where a guest that may use two CPUs found one of them taken, that is not so, and
// what he did to those on the other is estimated too low.
type densities struct {
	flat  float64   // by those who may use all, on each
	onCPU []float64 // by the others
	total float64   // everywhere
}

// spread adds up what each group ran besides those in it.
func (d *densities) spread(root *group, here []*group, cpus float64) {
	d.flat, d.total, d.onCPU = 0, 0, d.onCPU[:0]
	d.add(root, cpus)
	for _, g := range here {
		d.add(g, cpus)
	}
}

func (d *densities) add(g *group, cpus float64) {
	if g.net <= 0 {
		return
	}
	d.total += g.net
	if g.set != nil {
		d.onCPU = addTo(d.onCPU, g.set, g.net/g.size)
	} else if cpus > 0 {
		d.flat += g.net / cpus
	}
}

// where returns how much was run where v may run.
func (d *densities) where(v *group) float64 {
	if v.set == nil {
		return d.total
	}
	return d.flat*v.size + sumOver(d.onCPU, v.set)
}

// overlap returns the part of what g ran that was where v may run.
func overlap(g, v *group) float64 {
	switch {
	case v.set == nil || equal(g.set, v.set):
		return 1
	case g.set == nil:
		return min(v.size/max(g.size, 1), 1)
	default:
		return float64(g.set.Overlap(v.set)) / g.size
	}
}

// addTo adds v for each CPU of the set.
func addTo(cpus []float64, s model.CPUSet, v float64) []float64 {
	for i, word := range s {
		if word == 0 {
			continue
		}
		for len(cpus) < (i+1)*64 {
			cpus = append(cpus, 0)
		}
		for ; word != 0; word &= word - 1 {
			cpus[i*64+bits.TrailingZeros64(word)] += v
		}
	}
	return cpus
}

// sumOver adds up what is there for the CPUs of the set.
func sumOver(cpus []float64, s model.CPUSet) float64 {
	sum := 0.0
	for i, word := range s {
		if i*64 >= len(cpus) {
			break
		}
		for ; word != 0; word &= word - 1 {
			sum += cpus[i*64+bits.TrailingZeros64(word)]
		}
	}
	return sum
}
