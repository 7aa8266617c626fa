package bpf

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// exitCalls is how many calls a round of TestExitCost makes.
const exitCalls = 200_000

// TestExitCost says what the program takes of each exit. Machines whose KVM passes
// kvm_exit are few: the program is attached to the entry of system calls, whose
// arguments look the same, a pointer and a number, which is that of VMX for writing.
func TestExitCost(t *testing.T) {
	pairs, err := strconv.Atoi(os.Getenv(pairsVar))
	if err != nil {
		t.Skip("takes a minute and a quiet machine: make bench-bpf")
	}
	runtime.LockOSThread() // the thread ends with the test
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	x, p := exitsAtCalls(t)
	candidates := map[string]func(*testing.T) func(){"empty": attaching(emptyAt(t, "sys_enter")), "exits": attaching(x.objects.Programs["kvm_exit"])}
	costs := map[string][]float64{}
	for range pairs {
		for name, attach := range candidates {
			detach := attach(t)
			costs[name] = append(costs[name], perCall(t, int(null.Fd())))
			detach()
		}
	}
	if err := x.read(0, p); err != nil {
		t.Fatal(err)
	}
	var counted uint64
	for _, own := range x.guests {
		for _, n := range own.counts {
			counted += n
		}
	}
	if want := uint64(pairs) * exitCalls; counted < want {
		t.Errorf("%d calls were counted, want %d: the program was not at work", counted, want)
	}
	empty, all := quantile(costs["empty"], 0.5), quantile(costs["exits"], 0.5)
	t.Logf("medians of %d rounds: %.0f ns a call with an empty program, %.0f ns with this one: %.0f ns (%.0f by the lower quartiles)",
		pairs, empty, all, all-empty, quantile(costs["exits"], 0.25)-quantile(costs["empty"], 0.25))
}

// exitsAtCalls loads the program for system calls of this thread, which is a vCPU's.
func exitsAtCalls(t *testing.T) (*exits, *places) {
	t.Helper()
	opts := Options{ProcFS: "/proc", SysFS: "/sys", Mode: Full, Slots: defaultSlots}
	kernel, err := look(opts, btf.LoadKernelSpec)
	if err != nil {
		t.Skip(err)
	}
	p, err := newPlaces(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	e := &env{opts: opts, kernel: kernel, places: p}
	x := &exits{guests: make(map[*guest]*reasonCounts), table: newExitTable(), shards: 1, rows: opts.Slots, foreign: make([]bool, opts.Slots)}
	x.objects, err = e.object(loadExits, p.hierarchies.cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Programs["kvm_exit"].AttachTo = "sys_enter"
		spec.Maps["counted"].MaxEntries = uint32(x.rows)
		for name, value := range map[string]any{
			"vmx_reason": uint32(8), // some register
			"slots":      uint32(opts.Slots), "rows": x.table.rows, "unified": b2u(p.hierarchies.cpu.v2),
		} {
			if err := spec.Variables[name].Set(value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.close(); err != nil {
			t.Error(err)
		}
	})
	if x.counted, err = mapWords(x.objects.Maps["counted"]); err != nil {
		t.Fatal(err)
	}
	s := &Source{places: p, began: time.Now()}
	s.around(t, machine("tiny", "", []int32{int32(os.Getpid())}, []int32{int32(unix.Gettid())}))
	return x, p
}

// emptyAt loads a program that does nothing.
func emptyAt(t *testing.T, tracepoint string) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "empty", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: tracepoint,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// perCall returns the CPU time of a call, in nanoseconds.
func perCall(t *testing.T, fd int) float64 {
	t.Helper()
	used := func() int64 {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
			t.Fatal(err)
		}
		return now.Nano()
	}
	b := []byte{0}
	before := used()
	for range exitCalls {
		if _, err := unix.Write(fd, b); err != nil {
			t.Fatal(err)
		}
	}
	return float64(used()-before) / exitCalls
}
