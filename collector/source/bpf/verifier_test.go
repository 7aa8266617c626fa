package bpf

import (
	"errors"
	"regexp"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// mostProcessed is the number of instructions that the kernel's verifier may look at
// until it knows that a program is safe. It gives up at a million, and older ones than
// this machine's look at more.
const mostProcessed = 400_000

var processed = regexp.MustCompile(`processed (\d+) insns`)

func TestVerifierIsFarFromGivingUp(t *testing.T) {
	requireBPF(t)
	type variant struct {
		load   func() (*ebpf.CollectionSpec, error)
		form   *exitForm
		at     string // another tracepoint, with arguments of these types
		shards *sharding
	}
	variants := map[string]variant{
		"sched that shares": {load: loadSched, shards: &sharding{waited: 2, pairs: 2, mask: 1, shared: true}},
		"sched alone":       {load: loadSched, shards: &sharding{waited: 3, pairs: 1, mask: 3}},
		"exits read":        {load: loadExits, form: &exitForm{vmxReason: 0x1128, svmVMCB: 0x1a40, svmCode: 112}, at: "timer_expire_entry"},
		"exits read of SVM": {load: loadExits, form: &exitForm{svmVMCB: 0x1a40, svmCode: 112}, at: "timer_expire_entry"},
		"exits given":       {load: loadExits, form: &exitForm{form: formGiven}, at: "irq_handler_exit"},
		"exits of arm64":    {load: loadExits, form: &exitForm{form: formARM64}, at: "cpu_idle_miss"},
	}
	for name, load := range loaders() {
		variants[name] = variant{load: load}
	}
	for name, v := range variants {
		spec, err := v.load()
		if err != nil {
			t.Fatal(err)
		}
		// As they are loaded: what a variable switches off is not looked at.
		for variable, value := range map[string]any{"most": uint64(1e7), "unified": uint32(1), "memory_unified": uint32(1)} {
			if v := spec.Variables[variable]; v != nil {
				err = errors.Join(err, v.Set(value))
			}
		}
		if v.shards != nil {
			err = errors.Join(err, v.shards.set(spec))
		}
		if v.form != nil {
			err = errors.Join(err, v.form.set(spec), spec.Variables["rows"].Set(newExitTable().rows), spec.Variables["shard_mask"].Set(uint32(exitShards-1)))
			spec.Programs["kvm_exit"].AttachTo = v.at
		}
		if err != nil {
			t.Fatal(err)
		}
		verify(t, name, spec, v.form != nil)
	}
}

// verify has the kernel look at the programs of an object. If it must take it, it may
// still not have the tracepoint.
func verify(t *testing.T, name string, spec *ebpf.CollectionSpec, must bool) {
	t.Helper()
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats}})
	var refused *ebpf.VerifierError
	if must && errors.As(err, &refused) && errors.Is(err, unix.EACCES) {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err != nil {
		t.Logf("%s: %v", name, err) // not every kernel has what it looks at
		return
	}
	defer c.Close()
	for program, p := range c.Programs {
		m := processed.FindStringSubmatch(p.VerifierLog)
		if m == nil {
			t.Errorf("%s: no statistics: %q", program, p.VerifierLog)
			continue
		}
		if n, _ := strconv.Atoi(m[1]); n > mostProcessed {
			t.Errorf("%s: %d instructions were looked at", program, n)
		}
		t.Logf("%s, %s: %s", name, program, m[0])
	}
}
