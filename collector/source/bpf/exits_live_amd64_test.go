package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// debugfs is where KVM keeps its own statistics, where they can be seen.
const debugfs = "/sys/kernel/debug/kvm"

// statistic returns a number of KVM's own about the virtual machines that a thread has
// made.
func statistic(t *testing.T, thread int, name string) (float64, bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(debugfs, fmt.Sprintf("%d-*", thread), name))
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum, len(files) > 0
}

// What a machine does that is known is counted exactly, and all its exits are as many
// as KVM's own statistics have.
func TestExitsAreThoseOfTheProcessor(t *testing.T) {
	s, err := New(Options{ProcFS: "/proc", SysFS: "/sys", Without: only("exits", "kvm")}) // no more: a slow machine verifies them
	if err != nil {
		t.Skipf("programs cannot be loaded into this kernel: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if features := s.features(t); features["exits"] != model.Available || features["kvm"] != model.Available {
		t.Skipf("the programs are not available here: %v", features)
	}
	runtime.LockOSThread()
	maker, v := unix.Gettid(), newTinyVM(t)
	runtime.UnlockOSThread()
	const rounds = 4
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with it
		guests := []source.Guest{machine("tiny", "", []int32{int32(os.Getpid())}, nil), container("plain", "", "")}
		for half := range 2 { // the second time places have changed
			guests[0].Threads.VCPUs = []int32{int32(unix.Gettid())}
			s.around(t, guests[:1+half]...)
			for range rounds / 2 {
				if err := v.play(); err != nil {
					done <- err
					return
				}
			}
		}
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	var all float64
	for _, e := range s.measuredOf(t, "tiny").KVMExits {
		got[e.Reason] = e.Count.Or(0)
		all += e.Count.Or(0)
	}
	t.Logf("exits by reason: %v", got)
	if got["ioio"]+got["io_instruction"] == 0 {
		t.Skipf("KVM's part for this processor does not say when there was an exit, or runs the machine itself: %v", got)
	}
	for _, want := range []struct {
		reason string
		n      float64
	}{{"ioio", rounds * outs}, {"io_instruction", rounds * outs}, {"cpuid", rounds * cpuids}, {"hlt", rounds}} {
		if n, ok := got[want.reason]; (ok || !strings.HasPrefix(want.reason, "io")) && n != want.n {
			t.Errorf("%v exits for %s, the machine did that %v times", n, want.reason, want.n)
		}
	}
	if n, ok := statistic(t, maker, "exits"); ok {
		t.Logf("%v exits, KVM has %v", all, n)
		if all != n {
			t.Errorf("%v exits, KVM's own statistics have %v", all, n)
		}
	}
	// Of these KVM has the number too.
	for reason, name := range map[string]string{"intr": "irq_exits", "external_interrupt": "irq_exits", "nmi": "nmi_exits"} {
		if n, ok := statistic(t, maker, name); ok && got[reason] != 0 && got[reason] != n {
			t.Errorf("%v exits for %s, KVM's own %s are %v", got[reason], reason, name, n)
		}
	}
	handled := make(map[string]float64)
	for _, e := range s.measuredOf(t, "tiny").VMMExits {
		handled[e.Reason] = e.Count.Or(0)
	}
	if diff := cmp.Diff(v.seen, handled); diff != "" {
		t.Errorf("exits that the process handled (-handled +counted):\n%s", diff)
	}
}

// What the tracepoint was on other kernels and is on other processors this kernel does
// not have. The verifier only wants as many numbers.
func TestEveryFormOfExitsLoads(t *testing.T) {
	s := opened(t, Options{Without: only("reclaim")})
	kernel := kernelOf(t, s)
	const tracepoint = "kvm_msr" // four numbers
	if missingOf(kernel.types, []string{tracepoint}) != "" {
		t.Skip("needs a kernel that has KVM built in")
	}
	e := &env{opts: s.opts, kernel: kernel, places: s.places}
	for _, form := range []exitForm{{form: formGiven}, {form: formARM64}, {vmxReason: 8}, {svmVMCB: 8, svmCode: 112}} {
		objects, err := e.object(loadExits, s.places.hierarchies.cpu, func(spec *ebpf.CollectionSpec) error {
			spec.Programs["kvm_exit"].AttachTo = tracepoint
			return form.set(spec)
		})
		if err != nil {
			t.Errorf("%+v: %v", form, err)
			continue
		}
		objects.Close()
	}
}
