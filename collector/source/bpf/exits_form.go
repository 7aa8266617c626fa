package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// How kvm_exit gives the reason: see c/exits.bpf.c.
const (
	formRead = iota
	formGiven
	formARM64
)

// exitForm says how the reason of an exit is found in the kernel at hand. Offsets are
// 0 where they are not known.
type exitForm struct {
	form      uint32
	vmxReason uint32 // from struct kvm_vcpu
	svmVMCB   uint32 // from struct kvm_vcpu
	svmCode   uint32 // from struct vmcb
}

// exitForm finds the tracepoint and out how it gives the reason. arch is as in GOARCH.
// On x86 the reason was an argument once; since then it lies in what KVM's part for the
// processor, another module, keeps around each virtual CPU.
func (f finder) exitForm(arch string) (exitForm, error) {
	const tracepoint = "kvm_exit"
	types, err := f.find("kvm", tracepoint)
	if err != nil {
		return exitForm{}, err
	}
	if types == nil {
		types = f.kernel
	}
	args, err := argumentsOf(types, tracepoint)
	if err != nil {
		return exitForm{}, err
	}
	switch x86 := arch == "amd64" || arch == "386"; {
	case x86 && slices.Equal(args, []string{"kvm_vcpu", ""}):
		return f.readForm()
	case x86 && slices.Equal(args, []string{"", "kvm_vcpu", ""}):
		return exitForm{form: formGiven}, nil
	case arch == "arm64" && slices.Equal(args, []string{"", "", ""}):
		return exitForm{form: formARM64}, nil
	}
	return exitForm{}, fmt.Errorf("%s has other arguments: %w", tracepoint, errNotThere)
}

// readForm finds out where the reasons lie. On most machines only one of the two
// processors' modules is loaded.
func (f finder) readForm() (exitForm, error) {
	form := exitForm{form: formRead}
	vmx, vmxErr := f.structIn("kvm_intel", "vcpu_vmx")
	if vmxErr == nil {
		form.vmxReason, vmxErr = vmxReason(vmx)
	}
	svm, svmErr := f.structIn("kvm_amd", "vcpu_svm")
	if svmErr == nil {
		form.svmVMCB, form.svmCode, svmErr = svmCode(svm)
	}
	if vmxErr != nil && svmErr != nil {
		return form, fmt.Errorf("looking for the reason of an exit: %w; %w", vmxErr, svmErr)
	}
	return form, nil
}

// structIn returns a type of the kernel's, or of a module.
func (f finder) structIn(module, name string) (*btf.Struct, error) {
	var found *btf.Struct
	if f.kernel.TypeByName(name, &found) == nil {
		return found, nil
	}
	types, err := f.module(module)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there are no types of module %s: %w", module, errNotThere)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the types of module %s: %w", module, err)
	}
	if err := types.TypeByName(name, &found); err != nil {
		return nil, fmt.Errorf("looking for the type %s in module %s: %w", name, module, errNotThere)
	}
	return found, nil
}

// vmxReason returns how many bytes behind its struct kvm_vcpu the reason lies. Since
// Linux 6.16 it is in what VMX and TDX have in common.
func vmxReason(vmx *btf.Struct) (uint32, error) {
	reason, err := member(vmx, "exit_reason")
	if err != nil {
		reason, err = member(vmx, "vt", "exit_reason")
	}
	if err != nil {
		return 0, err
	}
	if size, err := btf.Sizeof(reason.typ); err != nil || size < 4 {
		return 0, fmt.Errorf("the reason in %s has %d bytes: %w", vmx.Name, size, errors.Join(err, errNotThere))
	}
	return behindVCPU(vmx, reason)
}

// svmCode returns how many bytes behind its struct kvm_vcpu the pointer to the VMCB
// lies, and how many behind that one's beginning the exit code.
func svmCode(svm *btf.Struct) (toVMCB, toCode uint32, err error) {
	pointer, err := member(svm, "vmcb")
	if err != nil {
		return 0, 0, err
	}
	to, ok := btf.UnderlyingType(pointer.typ).(*btf.Pointer)
	if !ok {
		return 0, 0, fmt.Errorf("vmcb in %s is a %T: %w", svm.Name, pointer.typ, errNotThere)
	}
	code, err := member(to.Target, "control", "exit_code")
	if err != nil {
		return 0, 0, err
	}
	toVMCB, err = behindVCPU(svm, pointer)
	return toVMCB, code.offset, err
}

// behindVCPU returns the way from struct kvm_vcpu to another member of what has it.
func behindVCPU(around *btf.Struct, to field) (uint32, error) {
	vcpu, err := member(around, "vcpu")
	if err != nil {
		return 0, err
	}
	if to.offset <= vcpu.offset {
		return 0, fmt.Errorf("the vcpu in %s comes later: %w", around.Name, errNotThere)
	}
	return to.offset - vcpu.offset, nil
}

// field is where a member lies, in bytes, and what it is.
type field struct {
	offset uint32
	typ    btf.Type
}

// member follows the names of members into a type.
func member(in btf.Type, names ...string) (field, error) {
	at := field{0, in}
	for _, name := range names {
		next, ok := oneMember(at.typ, name)
		if !ok {
			return field{}, fmt.Errorf("looking for %s in the type %s: %w", name, at.typ.TypeName(), errNotThere)
		}
		at = field{at.offset + next.offset, next.typ}
	}
	return at, nil
}

// oneMember finds a member also in those without a name.
func oneMember(in btf.Type, name string) (field, bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(in).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		switch {
		case m.Name == name && m.BitfieldSize == 0:
			return field{m.Offset.Bytes(), m.Type}, true
		case m.Name == "":
			if inner, ok := oneMember(m.Type, name); ok {
				return field{m.Offset.Bytes() + inner.offset, inner.typ}, true
			}
		}
	}
	return field{}, false
}
