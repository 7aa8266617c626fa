package bpf

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// loaders returns what reads the objects, by name.
func loaders() map[string]func() (*ebpf.CollectionSpec, error) {
	return map[string]func() (*ebpf.CollectionSpec, error){
		"sched": loadSched, "sampler": loadSampler, "totals": loadTotals, "block": loadBlock,
		"reclaim": loadReclaim, "fuse": loadFuse, "kvm": loadKvm, "exits": loadExits,
	}
}

// narrowCounters lists the loops in which a number of less than 8 bytes is taken from
// the stack and put back there.
func narrowCounters(all asm.Instructions) []string {
	type at struct {
		ins    *asm.Instruction
		offset int
	}
	var code []at
	for it := all.Iterate(); it.Next(); {
		code = append(code, at{it.Ins, int(it.Offset)})
	}
	var found []string
	for _, jump := range code {
		op := jump.ins.OpCode.JumpOp()
		if !jump.ins.OpCode.Class().IsJump() || op == asm.Call || op == asm.Exit || jump.ins.Offset >= 0 {
			continue
		}
		first := jump.offset + 1 + int(jump.ins.Offset)
		filled, spilled := make(map[int16]bool), make(map[int16]bool)
		for _, c := range code {
			if c.offset < first || c.offset > jump.offset || c.ins.OpCode.Class().IsALU() || c.ins.OpCode.Size() == asm.DWord {
				continue
			}
			switch class := c.ins.OpCode.Class(); {
			case class == asm.LdXClass && c.ins.Src == asm.R10:
				filled[c.ins.Offset] = true
			case class == asm.StXClass && c.ins.Dst == asm.R10:
				spilled[c.ins.Offset] = true
			}
		}
		for offset := range filled {
			if spilled[offset] {
				found = append(found, fmt.Sprintf("from %d to %d: the word at %d", first, jump.offset, offset))
			}
		}
	}
	return found
}

// The verifier before Linux 5.16 does not follow what is on the stack in less than 8
// bytes, and a loop whose counter is there has no end for it.
func TestCountersOfLoopsAreSpilledWhole(t *testing.T) {
	for name, load := range loaders() {
		if name == "exits" || name == "block" {
			continue // they have no loops but over what is in registers, and jump back where there is none
		}
		spec, err := load()
		if err != nil {
			t.Fatal(err)
		}
		for program, p := range spec.Programs {
			for _, loop := range narrowCounters(p.Instructions) {
				t.Errorf("%s, %s: %s", name, program, loop)
			}
		}
	}
}
