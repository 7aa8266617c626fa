package identity

import (
	"strconv"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Helper is a process that serves a virtual machine beside the hypervisor's own.
// Unknown is empty or 0. Strings are as those of VM.
type Helper struct {
	Component model.Component // Virtiofsd, Vhost or Other

	// OwnerPID is the process in the name of a kernel thread "vhost-PID", which
	// counts in the PID namespace of the host. Any process can call itself so:
	// the kernel's own are children of kthreadd.
	OwnerPID int32

	Socket string // vhost-user socket, as in VM.Sockets; empty where it was handed over open, as libvirt does
	FD     int    // the descriptor by which virtiofsd was handed it
	Tag    string // where virtiofsd itself was told, or the directory tells as Incus and LXD make it
	Source string // the directory that virtiofsd shares
	Cache  string // of virtiofsd: auto, always, never, …; empty for its default

	// VMName is what a path in argv calls the machine, without the scope of
	// VM.Name: libvirt's domain, of whose name some paths have but the first 20
	// characters, VM.ID for Proxmox, the beginning of the sandbox's id for Kata,
	// the name with its project for Incus and LXD.
	VMName string
}

// MayHelpVM says of the name of a process whether HelperFromProcess may know it.
// Sandboxed devices of crosvm are found by their parent.
func MayHelpVM(comm string) bool {
	switch helperProgram(comm) {
	case "virtiofsd", "swtpm", "passt", "slirp-helper", "vhost-user-gpu":
		return true
	}
	return numbered(comm, "vhost-")
}

// helperProgram returns the program's name for those that are called otherwise:
// wrapped in NixOS, and built for certain CPUs.
func helperProgram(comm string) string {
	comm = strings.TrimPrefix(comm, ".")
	switch {
	case strings.HasPrefix(comm, "virtiofsd"):
		return "virtiofsd"
	case comm == "passt.avx2" || strings.HasPrefix(comm, "passt-wr"):
		return "passt"
	case strings.HasPrefix(comm, "swtpm-wr"):
		return "swtpm"
	}
	return comm
}

// HelperFromProcess says whom p serves. ok is false for other programs. With
// nothing but the program known the machine has to be found by cgroup or parent.
func HelperFromProcess(p Process) (h Helper, ok bool) {
	if numbered(p.Comm, "vhost-") && len(p.Args) == 0 { // kernel threads have no arguments
		pid, err := strconv.ParseInt(p.Comm[len("vhost-"):], 10, 32)
		return Helper{Component: model.Vhost, OwnerPID: int32(pid)}, err == nil && pid > 0
	}
	switch helperProgram(p.Comm) {
	case "virtiofsd":
		h.readVirtiofsd(p.Args)
	case "swtpm", "passt", "slirp-helper", "vhost-user-gpu":
		h.Component = model.Other
	default:
		return Helper{}, false
	}
	if name, tag, ok := inDevices(h.Source); ok {
		h.VMName = keep(name)
		if h.Tag == "" {
			h.Tag = keep(tag)
		}
		return h, true
	}
	h.VMName = keep(vmNameInPaths(p.Args))
	return h, true
}

// readVirtiofsd reads the arguments of the daemon in Rust and, as -o, those of
// the older one in C.
func (h *Helper) readVirtiofsd(args []string) {
	h.Component = model.Virtiofsd
	for o := range options(args) {
		switch o.key {
		case "socket-path":
			h.Socket = keepPath(o.value)
		case "fd":
			h.FD = descriptor(o.value)
		case "shared-dir":
			h.Source = keepPath(o.value)
		case "cache":
			h.Cache = keep(o.value)
		case "tag":
			h.Tag = keep(o.value)
		case "o":
			h.readMountOptions(o.value)
		default:
			if joined, ok := strings.CutPrefix(o.key, "o"); ok { // -osource=/x
				h.readMountOptions(joined + "=" + o.value)
			}
		}
	}
}

// readMountOptions reads "source=/x,cache=auto". Commas in it are not escaped.
func (h *Helper) readMountOptions(value string) {
	for part := range strings.SplitSeq(value, ",") {
		switch key, v, _ := strings.Cut(part, "="); key {
		case "source":
			h.Source = keepPath(v)
		case "cache":
			h.Cache = keep(v)
		case "vhost_user_socket":
			h.Socket = keepPath(v)
		}
	}
}

// descriptor reads the number of an open file, 0 for what is none: nobody hands
// over a socket there.
func descriptor(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// vmNameInPaths returns what the first path that tells, taken from the end of
// its argument, calls the machine. A path with the whole name wins over one with
// its beginning.
func vmNameInPaths(args []string) string {
	beginning := ""
	for _, arg := range args[min(1, len(args)):] {
		for part := range strings.SplitSeq(arg, ",") {
			if i := strings.IndexByte(part, '/'); i >= 0 {
				part = part[i:]
			}
			name, whole := vmNameInPath(part)
			switch {
			case whole:
				return name
			case beginning == "":
				beginning = name
			}
		}
	}
	return beginning
}

// inDevices knows where Incus and LXD mount what a machine is given:
// …/devices/PROJECT_INSTANCE/disk.DEVICE.PATH, in the default project without it.
// A dash stands for a slash there, two for a dash. The tag is made of the
// device's name, which is known if neither it nor the path has a dot.
func inDevices(dir string) (name, tag string, ok bool) {
	for _, engine := range [...]string{"incus", "lxd"} {
		_, rest, found := strings.Cut(dir, "/"+engine+"/devices/")
		instance, disk, below := strings.Cut(rest, "/")
		disk, isDisk := strings.CutPrefix(disk, "disk.")
		if !found || !below || !isDisk || strings.Contains(disk, "/") {
			continue
		}
		name = instance
		if i := strings.LastIndexByte(instance, '_'); i >= 0 {
			name = instance[:i] + "/" + instance[i+1:]
		}
		const longest = 36 // bytes of a tag; beyond, it is made of a digest
		device, _, one := strings.Cut(disk, ".")
		device = strings.NewReplacer("--", "-", "-", "/").Replace(device)
		if tag = engine + "_" + device; !one || strings.Count(disk, ".") > 1 || len(tag) > longest {
			tag = ""
		}
		return name, tag, true
	}
	return "", "", false
}

// vmNameInPath knows the directories and sockets that libvirt, Proxmox and Kata
// make for a machine.
func vmNameInPath(path string) (name string, whole bool) {
	base := baseName(path)
	switch dir := dirName(path); {
	case strings.Contains(path, "/swtpm/libvirt/qemu/"): // /var/log/swtpm/libvirt/qemu/NAME-swtpm.log
		name, whole = strings.CutSuffix(base, "-swtpm.log")
		return name, whole
	case dir == "swtpm" || dir == "passt" || dir == "slirp":
		return shortDomain(base), false
	case dir == "qemu-server": // /run/qemu-server/VMID.swtpm
		vmid, _, _ := strings.Cut(base, ".")
		vmid, _, _ = strings.Cut(vmid, "-")
		return vmid, digits(vmid)
	case strings.HasPrefix(dir, "domain-"): // /var/lib/libvirt/qemu/domain-NUMBER-NAME/fs0-fs.sock
		number, name, _ := strings.Cut(dir[len("domain-"):], "-")
		if digits(number) {
			return name, false
		}
	}
	id := kataID(path)
	return ShortID(id), id != ""
}

// shortDomain reads NUMBER-NAME-DEVICE.EXT, where NAME may have dashes. So may
// aliases that a person chose, which begin with "ua-".
func shortDomain(base string) string {
	number, rest, ok := strings.Cut(base, "-")
	if !ok || !digits(number) {
		return ""
	}
	i := strings.LastIndex(rest, "-ua-")
	if i < 0 {
		i = strings.LastIndexByte(rest, '-')
	}
	if i < 0 {
		return ""
	}
	return rest[:i]
}
