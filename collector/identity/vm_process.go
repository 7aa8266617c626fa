package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Process is what /proc says of a process that may run a virtual machine.
type Process struct {
	Comm   string   // /proc/PID/comm, at most 15 bytes
	Args   []string // /proc/PID/cmdline split at NUL; may be empty if it may not be read
	UID    uint32   // effective user
	Cgroup string   // path of its cgroup from the root of the hierarchy; empty if unknown
}

// VM is what the process of a hypervisor says of its virtual machine. Unknown is
// empty or 0: memory and vCPUs that argv does not name are not guessed. All
// strings are valid UTF-8 and none is longer than 3 KiB. What a machine was
// given after its start is not here.
type VM struct {
	// Runtime is the label runtime: qemu, firecracker, cloud-hypervisor, crosvm,
	// libkrun, dragonball, kvmtool, stratovirt, virtualbox, vmware-workstation.
	Runtime string

	// Name is the label guest, scoped where a name is only unique in a scope:
	// project/instance for a project of Incus or LXD other than default,
	// namespace/vmi for KubeVirt, user@UID/NAME for libvirt's session daemons. For
	// Kata it is the beginning of the sandbox's id. Empty where nothing gives one.
	Name string

	// ID is the engine's: Proxmox' vmid, Firecracker's --id, Kata's sandbox.
	ID string

	UUID          string // as given
	Accelerator   string // kvm, tcg, …: as argv says, else what the program takes by default
	Image         string
	Project       string // of Incus and LXD; empty for the default one
	KubeNamespace string
	KubePod       string
	VCPUs         int    // present at start
	MemoryBytes   uint64 // as configured, without what can be plugged in

	// Shares are the directories that the guest is given, at most 64. The source
	// of one that a daemon serves is empty: the daemon's argv has it.
	Shares []model.Share

	// Sockets are where those daemons listen, at most 64.
	Sockets []ShareSocket
}

// ShareSocket is the vhost-user socket between a virtual machine and the daemon
// that serves one of its shares.
type ShareSocket struct {
	Tag  string // as the guest knows the share; empty where only the daemon knows
	Path string // as the process sees it
}

// VMFromProcess says which virtual machine p runs. ok is false for a process
// that runs none: tools of the same makers, subcommands that end at once, the
// probes by which libvirt asks QEMU what it can do, and the device model of a
// Xen domain, whose vCPUs Xen itself runs. Where the arguments may not be read,
// the name of the process and its cgroup have to do.
//
// Kata's shim runs a machine within itself for Dragonball only, which its
// arguments do not tell: ok is true for all, and those that have no vCPU thread
// are to be left out.
func VMFromProcess(p Process) (vm VM, ok bool) {
	runtime := runtimeOf(p.Comm)
	if runtime == "" && len(p.Args) > 0 && runtimeOf(baseName(p.Args[0])) == "qemu" {
		runtime = "qemu" // QEMU's -name process=X renames the process
	}
	if runtime == "" || isScript(p.Args) {
		return VM{}, false
	}
	vm.Runtime = runtime
	if len(p.Args) == 0 {
		if ok = tellsByComm(runtime); !ok {
			return VM{}, false
		}
	} else if parse := vmParser(runtime); parse == nil || !parse(&vm, p) {
		return VM{}, false
	}
	nameByCgroup(&vm, p.Cgroup)
	return vm, true
}

// isScript reports whether the arguments are those of an interpreter that runs a
// script which is called like a hypervisor, and is about to start the real one.
func isScript(args []string) bool {
	if len(args) < 2 || runtimeOf(baseName(args[0])) != "" {
		return false
	}
	script := args[1]
	if strings.HasPrefix(script, "-") && len(args) > 2 {
		script = args[2] // #!/bin/sh -e
	}
	return runtimeOf(baseName(script)) != ""
}

// MayRunVM says of the name of a process whether its arguments are worth
// reading. It is at most 15 bytes of the program's name, hence the same for all
// shims of containerd.
func MayRunVM(comm string) bool { return runtimeOf(comm) != "" }

// runtimeOf returns the runtime whose program may be called comm.
func runtimeOf(comm string) string {
	comm = strings.TrimPrefix(comm, ".") // NixOS: .qemu-system-x86_64-wrapped
	switch comm {
	case "kvm": // Proxmox
		return "qemu"
	case "crosvm", "stratovirt":
		return comm
	case "lkvm", "lkvm-static":
		return "kvmtool"
	case "krun", "krunvm", "muvm":
		return "libkrun"
	case "VirtualBox": // old versions: the window of a machine, and the manager
		return "virtualbox"
	}
	for _, program := range programs() {
		if strings.HasPrefix(comm, program.prefix) {
			return program.runtime
		}
	}
	return ""
}

type program struct{ prefix, runtime string }

// programs lists how the names of programs begin, short enough for what is left
// of them in a wrapped name of 15 bytes.
func programs() [11]program {
	return [...]program{
		{"qemu-system-", "qemu"},
		{"qemu-kvm", "qemu"},
		{"qemu-vanilla-", "qemu"}, // this and the next two: of Kata
		{"qemu-virtiofs-", "qemu"},
		{"qemu-lite-", "qemu"},
		{"firecracker", "firecracker"},
		{"cloud-hypervis", "cloud-hypervisor"},
		{"containerd-shi", "dragonball"},
		{"VBoxHeadless", "virtualbox"},
		{"VirtualBoxVM", "virtualbox"},
		{"vmware-vmx", "vmware-workstation"},
	}
}

// tellsByComm reports whether a program that is called like one of runtime runs
// a virtual machine whatever its arguments.
func tellsByComm(runtime string) bool {
	switch runtime {
	case "qemu", "firecracker", "cloud-hypervisor", "stratovirt", "vmware-workstation":
		return true
	}
	return false
}

// vmParser returns what reads the arguments for runtime into a VM. It reports
// false for a process that runs none.
func vmParser(runtime string) func(*VM, Process) bool {
	switch runtime {
	case "qemu":
		return fromQEMU
	case "stratovirt":
		return fromStratoVirt
	case "firecracker":
		return fromFirecracker
	case "cloud-hypervisor":
		return fromCloudHypervisor
	case "crosvm":
		return fromCrosvm
	case "kvmtool":
		return fromKvmtool
	case "libkrun":
		return fromLibkrun
	case "dragonball":
		return fromKataShim
	case "virtualbox":
		return fromVirtualBox
	case "vmware-workstation":
		return fromVMware
	}
	return nil
}

// nameByCgroup names a machine whose arguments do not, by the directories that
// libvirt, Proxmox, Firecracker's jailer, Kata and systemd-vmspawn make.
func nameByCgroup(vm *VM, path string) {
	if vm.Name != "" {
		return
	}
	name, id := vmOfPath(path)
	vm.Name = keep(name)
	if vm.ID == "" {
		vm.ID = keep(id)
	}
	if vm.Name == "" && vm.ID != "" {
		vm.Name = shownID(vm.ID)
	}
}

// vmOfPath returns what the first directory of a virtual machine in path says.
func vmOfPath(path string) (name, id string) {
	var at place
	for pos := 0; pos < len(path); {
		end := pos + nameEnd(path[pos:])
		dir := path[pos:end]
		pos = end + 1
		if dir == "" {
			continue
		}
		if runtime, vm, ok := vmName(at, dir); ok {
			if runtime == "" || runtime == "firecracker" || at.parent == "qemu.slice" {
				return "", vm // ids of Kata, the jailer and Proxmox
			}
			return vm, ""
		}
		at = at.below(dir)
	}
	return "", ""
}

// shownID returns what of an id stands for a name: all of it, but the first 12
// characters of what a machine made.
func shownID(id string) string {
	if len(id) >= 32 && lowerHex(id) {
		return ShortID(id)
	}
	return id
}
