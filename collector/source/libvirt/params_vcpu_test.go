package libvirt

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// vcpuParams are the counters of vCPUs by their indexes, all online: time, delay,
// exits and io_exits in this order.
func vcpuParams(counters map[int][4]uint64) []string {
	fields := []string{"vcpu.current=" + strconv.Itoa(len(counters))}
	for i, n := range counters {
		vcpu := "vcpu." + strconv.Itoa(i) + "."
		fields = append(fields, vcpu+"state=1")
		for j, name := range []string{"time", "delay", "exits.sum", "io_exits.sum"} {
			fields = append(fields, vcpu+name+"="+strconv.FormatUint(n[j], 10))
		}
	}
	return fields
}

func TestSumsOfVCPUs(t *testing.T) {
	const s = 1e9
	type sums struct{ Run, Steal, IO, Other float64 }
	type reading = map[int][4]uint64
	for name, tc := range map[string]struct {
		preceding bool
		readings  []reading
		want      []sums
	}{
		"a domain born with the exporter running counts in full": {
			readings: []reading{{0: {5 * s, 1 * s, 100, 40}}, {0: {6 * s, 2 * s, 110, 45}}},
			want:     []sums{{5, 1, 40, 60}, {6, 2, 45, 65}},
		},
		"one that was there before counts from 0": {
			preceding: true,
			readings:  []reading{{0: {5 * s, 1 * s, 100, 40}}, {0: {6 * s, 2 * s, 110, 45}}},
			want:      []sums{{}, {1, 1, 5, 5}},
		},
		"a vCPU plugged into it counts in full": {
			preceding: true,
			readings:  []reading{{0: {5 * s, 1 * s, 100, 40}}, {0: {5 * s, 1 * s, 100, 40}, 1: {2 * s, 1 * s, 10, 3}}},
			want:      []sums{{}, {2, 1, 3, 7}},
		},
		"an unplugged vCPU leaves what it had": {
			readings: []reading{
				{0: {5 * s, 1 * s, 100, 40}, 1: {5 * s, 1 * s, 100, 40}},
				{0: {6 * s, 1 * s, 100, 40}},
				{0: {7 * s, 1 * s, 100, 40}},
			},
			want: []sums{{10, 2, 80, 120}, {11, 2, 80, 120}, {12, 2, 80, 120}},
		},
		"and is counted anew when it is plugged in again": {
			readings: []reading{
				{0: {5 * s, 1 * s, 100, 40}, 1: {5 * s, 1 * s, 100, 40}},
				{0: {5 * s, 1 * s, 100, 40}},
				{0: {5 * s, 1 * s, 100, 40}, 1: {1 * s, 0, 10, 5}},
				{0: {5 * s, 1 * s, 100, 40}, 1: {2 * s, 0, 20, 5}},
			},
			want: []sums{{10, 2, 80, 120}, {10, 2, 80, 120}, {11, 2, 85, 125}, {12, 2, 85, 135}},
		},
		"other never falls and never goes below 0": {
			readings: []reading{{0: {0, 0, 10, 11}}, {0: {0, 0, 20, 11}}, {0: {0, 0, 21, 19}}, {0: {0, 0, 40, 19}}},
			want:     []sums{{0, 0, 11, 0}, {0, 0, 11, 9}, {0, 0, 19, 9}, {0, 0, 19, 21}},
		},
		"nothing falls over the end": {
			readings: []reading{
				{0: {math.MaxUint64, 0, math.MaxUint64, 1}, 1: {math.MaxUint64, 0, math.MaxUint64, 1}},
				{0: {1, 0, 1, 0}, 1: {1, 0, 1, 0}},
			},
			want: []sums{
				{math.MaxUint64 / 1e9, 0, 2, math.MaxUint64 - 2},
				{math.MaxUint64 / 1e9, 0, 2, math.MaxUint64 - 2},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := carry{preceding: tc.preceding}
			g := new(model.Guest)
			for i, r := range tc.readings {
				c.fill(g, typedParams(vcpuParams(r)...))
				exits := exitsOf(g)
				got := sums{g.CPU.Run.Or(-1), g.CPU.Steal.Or(-1), exits["io"], exits["other"]}
				if diff := cmp.Diff(tc.want[i], got); diff != "" {
					t.Errorf("reading %d, -want +got:\n%s", i, diff)
				}
			}
		})
	}
}

func TestHaltPollKeepsItsSourceAndDoesNotFall(t *testing.T) {
	const own, sum = "vcpu.%d.halt_poll_success_ns.sum=%d000000000", "cpu.haltpoll.success.time=%d000000000"
	vcpu := func(i, seconds int) string { return fmt.Sprintf(own, i, seconds) }
	domain := func(seconds int) string { return fmt.Sprintf(sum, seconds) }
	for name, tc := range map[string]struct {
		preceding bool
		readings  [][]string
		want      []float64 // -1 is absent
	}{
		"an unplugged vCPU leaves what it had": {
			readings: [][]string{{vcpu(0, 3), vcpu(1, 1), domain(4)}, {vcpu(0, 3), domain(3)}, {vcpu(0, 5), domain(5)}},
			want:     []float64{4, 4, 6},
		},
		"a reading without the monitor has none": {
			preceding: true,
			readings:  [][]string{{vcpu(0, 3), domain(3)}, {domain(4)}, {vcpu(0, 5)}},
			want:      []float64{0, -1, 2},
		},
		"what began with the domain's sum goes on with it": {
			readings: [][]string{{}, {domain(4)}, {domain(3), vcpu(0, 3)}, {vcpu(0, 9)}, {domain(6)}},
			want:     []float64{-1, 4, 4, -1, 6},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := carry{preceding: tc.preceding}
			g := new(model.Guest)
			for i, r := range tc.readings {
				c.fill(g, typedParams(r...))
				if got := g.HaltPoll.Success.Or(-1); got != tc.want[i] {
					t.Errorf("reading %d: %v, want %v", i, got, tc.want[i])
				}
			}
		})
	}
}

func TestSumsSurviveReadingsWithoutTheMonitor(t *testing.T) {
	c := carry{preceding: true}
	g := new(model.Guest)
	c.fill(g, typedParams("vcpu.0.time=1", "vcpu.0.delay=1"))
	if len(g.Exits) != 0 {
		t.Errorf("exits that nobody told: %v", g.Exits)
	}
	c.fill(g, typedParams("vcpu.0.time=1", "vcpu.0.delay=1", "vcpu.0.exits.sum=100"))
	c.fill(g, typedParams("vcpu.0.time=1", "vcpu.0.delay=1"))
	if len(g.Exits) != 0 {
		t.Errorf("exits that nobody told: %v", g.Exits)
	}
	c.fill(g, typedParams("vcpu.0.time=1", "vcpu.0.delay=1", "vcpu.0.exits.sum=130"))
	if diff := cmp.Diff(map[string]float64{"other": 30}, exitsOf(g)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestExitsByArchitecture(t *testing.T) {
	for name, tc := range map[string]struct {
		params []string
		want   map[string]float64
	}{
		"x86": {
			[]string{
				"exits.sum=100", "io_exits.sum=1", "mmio_exits.sum=2", "halt_exits.sum=3", "irq_exits.sum=4",
				"irq_window_exits.sum=5", "nmi_window_exits.sum=6", "hypercalls.sum=7", "signal_exits.sum=50", "request_irq_exits.sum=60",
			},
			map[string]float64{
				"io": 1, "mmio": 2, "halt": 3, "irq": 4, "irq_window": 5, "nmi_window": 6, "hypercall": 7, "other": 72,
			},
		},
		"arm64": {
			[]string{
				"exits.sum=100", "hvc_exit_stat.sum=1", "wfe_exit_stat.sum=2", "wfi_exit_stat.sum=3",
				"mmio_exit_user.sum=4", "mmio_exit_kernel.sum=5", "signal_exits.sum=50",
			},
			map[string]float64{"hypercall": 1, "wfe": 2, "halt": 3, "mmio": 9, "other": 85},
		},
		"riscv": {
			[]string{"exits.sum=100", "ecall_exit_stat.sum=1", "wfi_exit_stat.sum=3", "mmio_exit_kernel.sum=5", "csr_exit_user.sum=9"},
			map[string]float64{"hypercall": 1, "halt": 3, "mmio": 5, "other": 91},
		},
		"ppc":  {[]string{"sum_exits.sum=100", "dec_exits.sum=20"}, map[string]float64{"other": 100}},
		"s390": {[]string{"exit_userspace.sum=100", "exit_null.sum=5"}, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			var fields []string
			for _, p := range tc.params {
				fields = append(fields, "vcpu.0."+p)
			}
			if diff := cmp.Diff(tc.want, exitsOf(filled(typedParams(fields...)))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
