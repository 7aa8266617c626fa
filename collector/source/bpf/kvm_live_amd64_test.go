package bpf

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// The ioctls of linux/kvm.h, for amd64.
const (
	kvmCreateVM        = 0xae01
	kvmGetVCPUMmapSize = 0xae04
	kvmCreateVCPU      = 0xae41
	kvmSetUserMemory   = 0x4020ae46
	kvmRun             = 0xae80
	kvmSetRegs         = 0x4090ae82
	kvmGetSregs        = 0x8138ae83
	kvmSetSregs        = 0x4138ae84
)

// tinyVM is a virtual machine with one virtual CPU, that asks for features, writes to a
// port and halts.
type tinyVM struct {
	*testing.T
	vcpu int
	run  []byte // shared with KVM
	seen map[string]float64
}

// outs is how often it writes before it halts, and cpuids how often it asks for the
// processor's features before, which KVM answers without its process.
const outs, cpuids = 500, 300

func newTinyVM(t *testing.T) *tinyVM {
	t.Helper()
	dev, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("needs KVM: %v", err)
	}
	v := &tinyVM{T: t, seen: make(map[string]float64)}
	t.Cleanup(func() { unix.Close(dev) })
	vm := v.must(dev, kvmCreateVM, 0)
	t.Cleanup(func() { unix.Close(vm) })
	v.vcpu = v.must(vm, kvmCreateVCPU, 0)
	t.Cleanup(func() { unix.Close(v.vcpu) })

	memory := v.mmap(-1, 4096, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	copy(memory, []byte{
		0xbe, cpuids & 0xff, cpuids >> 8, // mov si, cpuids
		0x0f, 0xa2, // cpuid
		0x4e,       // dec si
		0x75, 0xfb, // jnz to cpuid
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb9, outs & 0xff, outs >> 8, // mov cx, outs
		0xee,       // out dx, al
		0xe2, 0xfd, // loop to it
		0xf4, // hlt
	})
	region := struct {
		slot, flags           uint32
		guest, size, userAddr uint64
	}{size: 4096, userAddr: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	v.must(vm, kvmSetUserMemory, uintptr(unsafe.Pointer(&region)))
	v.run = v.mmap(v.vcpu, v.must(dev, kvmGetVCPUMmapSize, 0), unix.MAP_SHARED)

	var sregs [0x138]byte // begins with cs: base, limit, selector
	v.must(v.vcpu, kvmGetSregs, uintptr(unsafe.Pointer(&sregs)))
	clear(sregs[0:8])
	clear(sregs[12:14])
	v.must(v.vcpu, kvmSetSregs, uintptr(unsafe.Pointer(&sregs)))
	return v
}

func (v *tinyVM) must(fd int, request, arg uintptr) int {
	v.Helper()
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, arg)
	if errno != 0 {
		v.Skipf("KVM does not do %#x here: %v", request, errno)
	}
	return int(n)
}

func (v *tinyVM) mmap(fd, size, flags int) []byte {
	v.Helper()
	b, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() { unix.Munmap(b) })
	return b
}

// play runs the program from its start until it halts, in the calling thread, and
// notes the exits.
func (v *tinyVM) play() error {
	var regs [18]uint64
	regs[17] = 2 // of rflags that bit is always set; rip is 0
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(v.vcpu), kvmSetRegs, uintptr(unsafe.Pointer(&regs))); errno != 0 {
		return errno
	}
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(v.vcpu), kvmRun, 0)
		if errno == unix.EINTR {
			v.seen["intr"]++ // a signal of Go's
			continue
		}
		if errno != 0 {
			return errno
		}
		switch reason := binary.NativeEndian.Uint32(v.run[8:]); reason {
		case 2:
			v.seen["io"]++
		case 5:
			v.seen["hlt"]++
			return nil
		default:
			return errors.New("the machine has ended: " + exitReason(int(reason)))
		}
	}
}

func TestExitsAreThoseThatTheVMMHandled(t *testing.T) {
	s := opened(t, Options{Without: only("kvm")})
	if s.features(t)["kvm"] != model.Available {
		t.Skip("the program is not available here")
	}
	v := newTinyVM(t)
	pid := int32(os.Getpid())
	for _, known := range []bool{true, false} { // whether the thread is known as a vCPU's
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // the thread ends with it
			m := machine("tiny", "", []int32{pid}, nil)
			if known {
				m.Threads.VCPUs = []int32{int32(unix.Gettid())}
			}
			s.around(t, m, machine("other", "", []int32{1}, nil), container("plain", "", ""))
			done <- v.play()
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		got := make(map[string]float64)
		for _, e := range s.measuredOf(t, "tiny").VMMExits {
			got[e.Reason] = e.Count.Or(0)
		}
		if diff := cmp.Diff(v.seen, got); diff != "" {
			t.Errorf("exits by reason, with the thread known: %v (-handled +counted):\n%s", known, diff)
		}
	}
	if v.seen["io"] != 2*outs || v.seen["hlt"] != 2 {
		t.Errorf("the machine did something else: %v", v.seen)
	}
	for _, name := range []string{"other", "plain"} {
		if m := s.measuredOf(t, name); len(m.VMMExits) != 0 {
			t.Errorf("%s has exits: %v", name, m.VMMExits)
		}
	}
}

// features returns why programs are not there.
func (s *Source) features(t *testing.T) map[string]model.Reason {
	t.Helper()
	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(map[string]model.Reason)
	for _, f := range r.Features {
		reasons[f.Name] = f.Reason
	}
	return reasons
}
