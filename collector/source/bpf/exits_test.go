package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestEveryReasonHasARow(t *testing.T) {
	table := newExitTable()
	for isa, all := range map[int][]string{isaVMX: vmxExits(), isaSVM: svmExits(), isaARM64: arm64Exits()} {
		if n := len(table.names[isa]); n > exitRows || len(all) > exitNumbers {
			t.Errorf("set %d has %d reasons up to %d, there are %d rows and %d numbers", isa, n, len(all), exitRows, exitNumbers)
		}
		names := make(map[string]bool)
		for number, name := range all {
			if name == "" {
				continue
			}
			names[name] = true
			if got := table.name(uint32(isa), int(table.rows[isa*exitNumbers+number])); got != name {
				t.Errorf("set %d: %d is %q, want %q", isa, number, got, name)
			}
		}
		if names[otherExits] || len(names)+1 != len(table.names[isa]) {
			t.Errorf("set %d: %d names in %d rows", isa, len(names), len(table.names[isa]))
		}
	}
	for _, number := range []int{11, 17, 70, 0x111, 511} {
		if row := table.rows[isaVMX*exitNumbers+number]; row != 0 {
			t.Errorf("%d has row %d, and no name", number, row)
		}
	}
	for _, tt := range []struct {
		isa uint32
		row int
	}{{0, 1}, {isaVMX, 0}, {isaVMX, exitRows}, {7, 1}} {
		if got := table.name(tt.isa, tt.row); got != otherExits {
			t.Errorf("row %d of set %d is %q", tt.row, tt.isa, got)
		}
	}
}

// specOf returns types as the kernel describes them.
func specOf(t *testing.T, types ...btf.Type) *btf.Spec {
	t.Helper()
	b, err := btf.NewBuilder(append(types, &btf.Int{Name: "int", Size: 4}), nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := b.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func number(size uint32) btf.Type { return &btf.Int{Name: fmt.Sprint("u", 8*size), Size: size} }

// structure lays out members of so many bytes each, as they follow each other.
func structure(name string, members ...btf.Member) *btf.Struct {
	s := &btf.Struct{Name: name}
	for _, m := range members {
		m.Offset = btf.Bits(8 * s.Size)
		size, _ := btf.Sizeof(m.Type)
		s.Size += uint32(size)
		s.Members = append(s.Members, m)
	}
	return s
}

// kvmExit is the type of the tracepoint, with these arguments.
func kvmExit(args ...btf.Type) *btf.Typedef {
	proto := &btf.FuncProto{Return: &btf.Void{}, Params: []btf.FuncParam{{Type: &btf.Pointer{Target: &btf.Void{}}}}}
	for _, a := range args {
		proto.Params = append(proto.Params, btf.FuncParam{Type: a})
	}
	return &btf.Typedef{Name: "btf_trace_kvm_exit", Type: &btf.Pointer{Target: proto}}
}

func TestWhereTheReasonOfAnExitIs(t *testing.T) {
	vcpu := structure("kvm_vcpu", btf.Member{Name: "id", Type: number(8)}, btf.Member{Name: "mode", Type: number(8)})
	pad := btf.Member{Name: "pad", Type: number(8)}
	pointer := &btf.Pointer{Target: vcpu}
	reason := &btf.Union{Name: "vmx_exit_reason", Size: 4, Members: []btf.Member{{Name: "full", Type: number(4)}}}
	vmx := structure("vcpu_vmx", btf.Member{Name: "vcpu", Type: vcpu}, pad, btf.Member{Name: "exit_reason", Type: reason})
	common := structure("vcpu_vt", pad, pad, btf.Member{Name: "exit_reason", Type: reason})
	newVMX := structure("vcpu_vmx", btf.Member{Name: "vcpu", Type: vcpu}, btf.Member{Name: "vt", Type: common})
	control := structure("vmcb_control_area", pad, pad, pad, btf.Member{Name: "exit_code", Type: number(8)})
	nameless := &btf.Union{Size: control.Size, Members: []btf.Member{{Name: "control", Type: control}}}
	vmcb := structure("vmcb", pad, btf.Member{Type: nameless})
	svm := structure("vcpu_svm", btf.Member{Name: "vcpu", Type: vcpu}, btf.Member{Name: "vmcb", Type: &btf.Pointer{Target: vmcb}})
	now, before := kvmExit(pointer, number(4)), kvmExit(number(4), pointer, number(4))
	other := kvmExit(number(4), number(4), number(8))
	modules := func(m map[string]*btf.Spec) func(string) (*btf.Spec, error) {
		return func(name string) (*btf.Spec, error) {
			if m[name] == nil {
				return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
			}
			return m[name], nil
		}
	}
	for _, tt := range []struct {
		name      string
		kernel    []btf.Type
		modules   map[string]*btf.Spec
		arch      string
		incapable bool

		want   exitForm
		reason model.Reason
	}{
		{name: "Intel", modules: map[string]*btf.Spec{"kvm": specOf(t, now), "kvm_intel": specOf(t, vmx)}, want: exitForm{vmxReason: 24}},
		{name: "Intel with TDX", modules: map[string]*btf.Spec{"kvm": specOf(t, now), "kvm_intel": specOf(t, newVMX)}, want: exitForm{vmxReason: 32}},
		{name: "AMD", modules: map[string]*btf.Spec{"kvm": specOf(t, now), "kvm_amd": specOf(t, svm)}, want: exitForm{svmVMCB: 16, svmCode: 32}},
		{name: "all built in", kernel: []btf.Type{now, vmx, svm}, want: exitForm{vmxReason: 24, svmVMCB: 16, svmCode: 32}},
		{name: "built in but for the processor's part", kernel: []btf.Type{now}, modules: map[string]*btf.Spec{"kvm_amd": specOf(t, svm)}, want: exitForm{svmVMCB: 16, svmCode: 32}},
		{name: "an argument", modules: map[string]*btf.Spec{"kvm": specOf(t, before)}, want: exitForm{form: formGiven}},
		{name: "arm64", kernel: []btf.Type{other}, arch: "arm64", want: exitForm{form: formARM64}},
		{name: "arguments of arm64 elsewhere", kernel: []btf.Type{other}, reason: model.NotSupported},
		{name: "arguments of x86 elsewhere", kernel: []btf.Type{now, vmx}, arch: "mips64le", reason: model.NotSupported},
		{name: "no KVM", reason: model.NotSupported},
		{name: "no part for the processor", modules: map[string]*btf.Spec{"kvm": specOf(t, now)}, reason: model.NotSupported},
		{name: "one that says nothing", modules: map[string]*btf.Spec{"kvm": specOf(t, now), "kvm_intel": specOf(t, structure("vcpu_vmx", pad))}, reason: model.NotSupported},
		{name: "no CAP_SYS_ADMIN", incapable: true, modules: map[string]*btf.Spec{"kvm": specOf(t, now), "kvm_amd": specOf(t, svm)}, reason: model.NoPermission},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.arch == "" {
				tt.arch = "amd64"
			}
			got, err := finder{specOf(t, tt.kernel...), modules(tt.modules), !tt.incapable}.exitForm(tt.arch)
			if reasonOf(err) != tt.reason {
				t.Fatalf("%v, want %q", err, tt.reason)
			}
			if err == nil && got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
	f := finder{specOf(t, now), func(string) (*btf.Spec, error) { return nil, unix.EIO }, true}
	if _, err := f.exitForm("amd64"); !errors.Is(err, unix.EIO) {
		t.Errorf("%v, want that the types could not be read", err)
	}
}

// counter returns a program that has counted on AMD for a virtual machine, and the
// container around it.
func counter() (x *exits, p *places, outer, vm *guest) {
	outer, vm = nested()
	p, w := counting(exitRows, outer, vm)
	w.words = append(w.words, make([]uint64, len(w.words))...)
	return &exits{counted: w, shards: 2, rows: 64, foreign: make([]bool, 64), table: newExitTable(), isa: isaSVM, guests: make(map[*guest]*reasonCounts)}, p, outer, vm
}

func (x *exits) reported(t *testing.T, g *guest) map[string]float64 {
	t.Helper()
	var m model.MeasuredGuest
	x.report(g, &m)
	got := make(map[string]float64)
	for _, e := range m.KVMExits {
		got[e.Reason] = e.Count.Or(0)
	}
	if len(got) != len(m.KVMExits) {
		t.Errorf("a reason is there twice: %v", m.KVMExits)
	}
	return got
}

func TestExitsByTheProcessorsReason(t *testing.T) {
	x, p, outer, vm := counter()
	row := func(number int) int { return int(x.table.rows[isaSVM*exitNumbers+number]) }
	for _, c := range []struct{ shard, slot, row int }{
		{0, 6, row(0x78)},                                       // of a container
		{0, 7, row(0x78)}, {1, 7, row(0x78)}, {1, 8, row(0x78)}, // also of helpers
		{0, 7, row(svmNested)}, {1, 7, 0}, {0, slotOther, row(0x72)},
	} {
		x.counted.row(64*c.shard+c.slot, exitRows)[c.row] += 2
	}
	for range 2 { // what was read is not read again
		if err := x.read(0, p); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]float64{"hlt": 6, "npf": 2, "other": 2}, x.reported(t, vm)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := x.reported(t, outer); len(got) != 0 {
		t.Errorf("the container has %v", got)
	}
	vm.gone, vm.goneAt = true, time.Hour
	if err := x.read(time.Hour+kept+1, p); err != nil || len(x.guests) > 1 {
		t.Errorf("%v, of %d guests something is kept", err, len(x.guests))
	}
}

func TestReasonsOfAGuestAreBounded(t *testing.T) {
	x, _, _, vm := counter()
	for row := 1; row <= mostReasons+6; row++ {
		x.add(vm, row, uint64(100+row))
	}
	rare, frequent := x.table.name(isaSVM, 1), x.table.name(isaSVM, mostReasons+6)
	before := x.reported(t, vm)
	if len(before) != mostReasons || before[rare] != 0 || before[frequent] == 0 || before["other"] != 7*100+7*8/2 {
		t.Errorf("%d reasons: %v", len(before), before)
	}
	x.add(vm, 1, 1e6)
	after := x.reported(t, vm)
	if after[rare] != 0 || after["other"] != before["other"]+1e6 || len(after) != mostReasons {
		t.Errorf("a reason that was among the others: %v", after)
	}
	for reason, n := range before {
		if after[reason] < n {
			t.Errorf("%s fell from %v to %v", reason, n, after[reason])
		}
	}
}

// What ran in the slot of a container is not that of the machine that has it later.
func TestExitsOfWhoHadTheSlotBefore(t *testing.T) {
	x, p, outer, vm := counter()
	const hlt = 0x78
	hlts := func(slot int) *uint64 { return &x.counted.row(64+slot, exitRows)[x.table.rows[isaSVM*exitNumbers+hlt]] }
	read := func() {
		t.Helper()
		if err := x.read(0, p); err != nil {
			t.Fatal(err)
		}
	}
	*hlts(6), *hlts(7) = 5, 3
	read()
	if *hlts(6) != 5 {
		t.Error("the row of a container was read")
	}
	next := &guest{about: machine("next", "", nil, nil)}
	next.guest = next
	p.slots.owners[6] = &next.owner // at once
	read()
	*hlts(6) = 2
	read()
	if got := x.reported(t, next)["hlt"]; got != 2 {
		t.Errorf("%v exits, want 2", got)
	}

	p.slots.owners[7] = &outer.owner // and the other way round
	*hlts(7) = 9
	read()
	p.slots.owners[7] = nil
	read()
	if *hlts(7) != 0 {
		t.Error("of a slot that is nobody's something is left")
	}
	p.slots.owners[7] = &vm.owner
	*hlts(7) = 1
	read()
	if got := x.reported(t, vm)["hlt"]; got != 4 {
		t.Errorf("%v exits, want 3 and 1", got)
	}
}

func TestExitsHaveNoNamesBeforeTheProcessorIsKnown(t *testing.T) {
	x, _, _, vm := counter()
	x.add(vm, 1, 7)
	x.isa = 0
	if got := x.reported(t, vm); len(got) != 0 {
		t.Errorf("%v", got)
	}
	x.isa = isaSVM
	if got := x.reported(t, vm); len(got) != 1 || got[x.table.name(isaSVM, 1)] != 7 {
		t.Errorf("%v", got)
	}
}
