package bpf

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
)

// mostProcessed is the number of instructions that the kernel's verifier may look at
// until it knows that a program is safe. It gives up at a million, and older ones than
// this machine's look at more.
const mostProcessed = 400_000

var processed = regexp.MustCompile(`processed (\d+) insns`)

func TestVerifierIsFarFromGivingUp(t *testing.T) {
	requireBPF(t)
	for name, load := range map[string]func() (*ebpf.CollectionSpec, error){
		"sched": loadSched, "sampler": loadSampler, "totals": loadTotals, "block": loadBlock,
		"reclaim": loadReclaim, "fuse": loadFuse, "kvm": loadKvm, "exits": loadExits,
	} {
		spec, err := load()
		if err != nil {
			t.Fatal(err)
		}
		// As they are loaded: what a variable switches off is not looked at.
		for variable, value := range map[string]any{"most": uint64(1e7), "unified": uint32(1), "memory_unified": uint32(1)} {
			if v := spec.Variables[variable]; v != nil {
				if err := v.Set(value); err != nil {
					t.Fatal(err)
				}
			}
		}
		c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats}})
		if err != nil {
			t.Logf("%s: %v", name, err) // not every kernel has what it looks at
			continue
		}
		for program, p := range c.Programs {
			m := processed.FindStringSubmatch(p.VerifierLog)
			if m == nil {
				t.Errorf("%s: no statistics: %q", program, p.VerifierLog)
				continue
			}
			if n, _ := strconv.Atoi(m[1]); n > mostProcessed {
				t.Errorf("%s: %d instructions were looked at", program, n)
			}
			t.Logf("%s: %s", program, m[0])
		}
		c.Close()
	}
}
