package bpf

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// pairsVar is the number of pairs of rounds that TestSwitchCost takes.
const pairsVar = "VIRT_BPF_PAIRS"

// What a switch may cost, by what others add to it.
const (
	mostOfEmpty = 2.0
	mostOfBCC   = 0.25
)

// Names in the table.
const (
	emptyProgram = "an empty program"
	forContainer = "this one: a container's threads"
	forVM        = "this one: a virtual machine's vCPUs"
	forNobody    = "this one: threads that are no guest's"
)

// candidate is what is there in each second round.
type candidate struct {
	name  string
	of    string // what it stands for, where that is not the name
	start func(t *testing.T) (stop func())
}

// TestSwitchCost says what the program adds to the CPU time of a context switch,
// beside what an empty program adds and what others do. Rounds without and with it
// alternate, those of all candidates in turn: what else the machine does hits all of
// them alike.
func TestSwitchCost(t *testing.T) {
	if cpu := os.Getenv(pingPongVar); cpu != "" {
		if err := pingPong(os.Stdin, os.Stdout, cpu); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	pairs, err := strconv.Atoi(os.Getenv(pairsVar))
	if err != nil {
		t.Skip("takes minutes and a quiet machine: make bench-bpf")
	}

	l := startLoad(t)
	candidates := append([]candidate{{name: emptyProgram, start: attaching(loadEmpty(t))}}, startOurs(t, l).candidates()...)
	for _, p := range peers {
		c, err := p.candidate(t)
		if err != nil {
			t.Logf("%s is left out: %v", p.name, err)
			continue
		}
		candidates = append(candidates, c)
	}

	l.round(t) // the first finds cold caches
	costs := make([]cost, len(candidates))
	for pair := range pairs {
		for i, c := range candidates {
			var off round
			if pair%2 == 0 {
				off = l.round(t)
			}
			stop := c.start(t)
			on := l.round(t)
			stop()
			if pair%2 == 1 { // so that what goes one way with time favours nobody
				off = l.round(t)
			}
			costs[i].add(off, on)
		}
	}
	report(t, candidates, costs)
}

// ours is the program as the source loads it, with places for the load.
type ours struct {
	load   *load
	places *places
	sched  *sched
	now    time.Duration
}

func startOurs(t *testing.T, l *load) *ours {
	t.Helper()
	opts := Options{ProcFS: "/proc", SysFS: "/sys", Mode: Full, Slots: defaultSlots}
	kernel, err := look(opts, btf.LoadKernelSpec)
	if err != nil {
		t.Fatal(err)
	}
	places, err := newPlaces(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(places.close)
	p, err := openSched(&env{opts: opts, kernel: kernel, places: places})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	o := &ours{load: l, places: places, sched: p.(*sched)}
	places.changed = o.sched.placesChanged
	for _, l := range o.sched.links {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	o.sched.links = nil
	return o
}

// candidates are the program with the load as what there is on a host.
func (o *ours) candidates() []candidate {
	container := source.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: "load"}, Cgroup: o.load.path}
	vm := source.Guest{Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: "load"}, Cgroup: o.load.path, Threads: model.Threads{
		Processes: []int32{o.load.process}, VCPUs: o.load.threads[:],
	}}
	return []candidate{
		{name: forContainer, start: func(t *testing.T) func() { return o.start(t, container) }},
		{name: forVM, start: func(t *testing.T) func() { return o.start(t, vm) }},
		{name: forNobody, start: func(t *testing.T) func() { return o.start(t) }},
	}
}

// start attaches the program when there are no other guests than these. When it is
// stopped it must have counted waits of each: a program that had nothing to do would
// look cheap.
func (o *ours) start(t *testing.T, guests ...source.Guest) (stop func()) {
	t.Helper()
	o.now += 2 * kept // those of before are forgotten
	err := o.places.put(o.now, source.Surroundings{Guests: guests, Units: []model.Unit{{Path: "/", Name: rootUnit}}})
	if err != nil {
		t.Fatal(err)
	}
	detach := attaching(o.sched.objects.Programs["sched_switch"])(t)
	return func() {
		detach()
		if err := o.sched.read(o.now, o.places); err != nil {
			t.Error(err)
		}
		for _, g := range guests {
			var m model.MeasuredGuest
			o.sched.report(o.places.guests[g.Name], &m)
			if m.Latency == nil {
				t.Errorf("%s: no wait was counted: the program was not at work", g.Name)
			} else if n := m.Latency.Count(); float64(n) < 0.9*float64(o.load.last.switches) {
				t.Errorf("%s: of %d switches %v waits were counted: the program was not at work", g.Name, o.load.last.switches, n)
			}
		}
		o.places.slots.recover(o.now)
	}
}

// loadEmpty loads a program that does nothing: what any program there costs.
func loadEmpty(t *testing.T) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "empty", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// attaching returns what attaches a program.
func attaching(p *ebpf.Program) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		l, err := link.AttachTracing(link.TracingOptions{Program: p, AttachType: ebpf.AttachTraceRawTp})
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// cost is what pairs of rounds have shown.
type cost struct {
	off, added []float64 // nanoseconds a switch
	throughput []float64 // with the candidate, by that without
}

func (c *cost) add(off, on round) {
	c.off = append(c.off, off.perSwitch())
	c.added = append(c.added, on.perSwitch()-off.perSwitch())
	c.throughput = append(c.throughput, on.rate()/off.rate())
}

// quantile returns that of values, between the two nearest.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// report prints the table and fails where the budget is exceeded.
func report(t *testing.T, candidates []candidate, costs []cost) {
	t.Helper()
	added := make(map[string]float64)
	for i, c := range candidates {
		added[c.name] = quantile(costs[i].added, 0.5)
		if c.of != "" {
			added[c.of] = added[c.name]
		}
	}
	w := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "medians of %d pairs\tns a switch\tadded\thalf of them\tby empty\tthroughput\t\n", len(costs[0].added))
	for i, c := range candidates {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.1f..%.1f\t%.2f\t%.3f\t\n", c.name, quantile(costs[i].off, 0.5), added[c.name],
			quantile(costs[i].added, 0.25), quantile(costs[i].added, 0.75), added[c.name]/added[emptyProgram], quantile(costs[i].throughput, 0.5))
	}
	w.Flush()

	for i, c := range candidates {
		if c.name == emptyProgram && quantile(costs[i].added, 0.25) < added[c.name]/2 {
			t.Fatal("rounds differ too much to compare what was measured: run it on a quiet machine, or with more PAIRS")
		}
	}
	for _, name := range []string{forContainer, forVM, forNobody} {
		if added[name] > mostOfEmpty*added[emptyProgram] {
			t.Errorf("%s: %.1f ns a switch is more than %v times what an empty program adds, %.1f ns", name, added[name], mostOfEmpty, added[emptyProgram])
		}
		if bcc, ok := added[bccRunqlat]; ok && added[name] > mostOfBCC*bcc {
			t.Errorf("%s: %.1f ns a switch is more than %v of what bcc's runqlat adds, %.1f ns", name, added[name], mostOfBCC, bcc)
		}
	}
}
