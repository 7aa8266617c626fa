package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// fromFirecracker reads the arguments that a person or the jailer gives. All
// else of the machine goes over the API's socket or stands in a file.
func fromFirecracker(vm *VM, p Process) bool {
	if strings.HasPrefix(baseName(p.Args[0]), "firecracker-c") { // -containerd, -ctr
		return false
	}
	vm.Accelerator = "kvm"
	var socket, config string
	for o := range options(p.Args) {
		switch o.key {
		case "id":
			vm.ID = keep(o.value)
		case "api-sock":
			socket = o.value
		case "config-file":
			config = o.value
		case "version", "help", "snapshot-version", "describe-snapshot":
			return false
		}
	}
	if vm.ID == "anonymous-instance" {
		vm.ID = ""
	}
	for _, path := range []string{config, socket} {
		if id := kataID(path); id != "" {
			vm.ID = keep(id)
			vm.Name = ShortID(vm.ID)
			return true
		}
	}
	if vm.Name = shownID(vm.ID); vm.Name == "" {
		nameByCgroup(vm, p.Cgroup)
	}
	if vm.Name == "" {
		vm.Name = keep(socketName(socket))
	}
	return true
}

// kataID returns the sandbox whose directory path is in: /run/vc/vm/ID/clh.sock,
// /run/vc/firecracker/ID/root/fcConfig.json, /run/kata/ID/root/ch-api.sock, and
// those below the directory of a user.
func kataID(path string) string {
	for _, dir := range []string{"/vc/vm/", "/vc/firecracker/", "/run/kata/", "/run/kata-containers/shared/sandboxes/"} {
		if _, rest, ok := strings.Cut(path, dir); ok {
			id, _, _ := strings.Cut(rest, "/")
			return id
		}
	}
	return ""
}

func fromCloudHypervisor(vm *VM, p Process) bool {
	vm.Accelerator = "kvm"
	var socket string
	fs := false // within the values of --fs, of which there may be many
	for _, arg := range p.Args[1:] {
		key, ok := cutDashes(arg)
		switch {
		case ok:
			fs = key == "fs" || strings.HasPrefix(key, "fs=")
			if fs && key != "fs" {
				vm.addSocket(key[len("fs="):])
			}
		case fs:
			vm.addSocket(arg)
		}
	}
	for o := range options(p.Args) {
		switch o.key {
		case "api-socket":
			socket = apiSocket(o.value)
		case "cpus":
			vm.VCPUs = parseVCPUs(nestedValue(o.value, "boot"))
		case "memory":
			vm.MemoryBytes = parseSize(nestedValue(o.value, "size"), 1)
		case "platform":
			vm.UUID = keep(nestedValue(o.value, "uuid"))
		case "V", "version", "h", "help":
			return false
		}
	}
	switch id := kataID(socket); {
	case id != "":
		vm.ID = keep(id)
		vm.Name = ShortID(vm.ID)
	case strings.HasSuffix(socket, "-socket") && dirName(socket) == "ch": // libvirt
		vm.Name = keep(strings.TrimSuffix(baseName(socket), "-socket"))
	default:
		vm.Name = keep(socketName(socket))
	}
	return true
}

func nestedValue(s, key string) string {
	for k, v := range nested(s) {
		if k == key {
			return v
		}
	}
	return ""
}

// apiSocket returns the path in "path=/x", "/x" or "fd=3", which has none.
func apiSocket(value string) string {
	if path := first(value, "path"); strings.Contains(path, "/") || !strings.Contains(value, "=") {
		return path
	}
	return ""
}

// addSocket adds a share that a daemon serves, of the form tag=T,socket=PATH.
func (vm *VM) addSocket(value string) {
	vm.addServed(nestedValue(value, "tag"), nestedValue(value, "socket"))
}

func (vm *VM) addServed(tag, socket string) {
	if len(vm.Sockets) == maxShares {
		return
	}
	if tag != "" {
		vm.addShare(model.Share{Tag: keep(tag), FSType: "virtiofs"})
	}
	if path := keepPath(socket); path != "" {
		vm.Sockets = append(vm.Sockets, ShareSocket{Tag: keep(tag), Path: path})
	}
}

func (vm *VM) addShare(s model.Share) {
	if len(vm.Shares) < maxShares {
		vm.Shares = append(vm.Shares, s)
	}
}

// fromKvmtool reads lkvm's arguments. Its default name, guest-PID, is not in
// them.
func fromKvmtool(vm *VM, p Process) bool {
	if len(p.Args) < 2 || p.Args[1] != "run" && p.Args[1] != "sandbox" {
		return false
	}
	vm.Accelerator = "kvm"
	for o := range options(p.Args) {
		switch o.key {
		case "name", "n":
			vm.Name = keep(o.value)
		case "cpus", "cpu", "c":
			vm.VCPUs = parseVCPUs(o.value)
		case "mem", "m":
			size, _, _ := strings.Cut(o.value, "@") // where it lies
			vm.MemoryBytes = parseSize(size, 1<<20)
		case "9p":
			dir, tag, _ := strings.Cut(o.value, ",")
			vm.addShare(model.Share{Tag: keep(tag), Source: keepPath(dir), FSType: "9p"})
		}
	}
	return true
}

// fromLibkrun knows krunvm, whose machines have names, muvm, and crun, whose
// machine is a container: argv is then the container's own behind a title.
func fromLibkrun(vm *VM, p Process) bool {
	vm.Accelerator = "kvm"
	switch strings.TrimPrefix(p.Comm, ".") {
	case "krun":
		// A crun of old does not set the title. One that is called krun itself
		// is the command that starts, stops or asks.
		return strings.HasPrefix(p.Args[0], "[libcrun:") || baseName(p.Args[0]) == "crun"
	case "krunvm":
		return vm.fromKrunvm(p.Args)
	}
	return true
}

// fromKrunvm reads "krunvm start [options] NAME [command]".
func (vm *VM) fromKrunvm(args []string) bool {
	if len(args) < 3 || args[1] != "start" {
		return false
	}
	for i := 2; i < len(args) && vm.Name == ""; i++ {
		key, isOption := cutDashes(args[i])
		if !isOption {
			vm.Name = keep(args[i])
			break
		}
		key, value, joined := strings.Cut(key, "=")
		if i++; !joined && i < len(args) {
			value = args[i]
		}
		switch key {
		case "cpus":
			vm.VCPUs = parseVCPUs(value)
		case "mem":
			vm.MemoryBytes = parseSize(value, 1<<20)
		}
		if joined {
			i--
		}
	}
	return true
}

// fromKataShim knows the shim of Kata, within which Dragonball runs. Started
// with a subcommand it ends at once.
func fromKataShim(vm *VM, p Process) bool {
	if !strings.HasPrefix(baseName(p.Args[0]), "containerd-shim-kata") {
		return false
	}
	for _, arg := range p.Args[1:] {
		if arg == "start" || arg == "delete" {
			return false
		}
	}
	vm.Accelerator = "kvm"
	vm.ID = keep(optionValue(p.Args, "id"))
	vm.Name = ShortID(vm.ID)
	return true
}

// fromVirtualBox knows the process of a machine by --startvm: VirtualBox without
// it is the manager's window.
func fromVirtualBox(vm *VM, p Process) bool {
	which := optionValue(p.Args, "startvm", "s")
	if which == "" {
		return false
	}
	if _, ok := parseUUID(which); ok {
		vm.UUID = keep(strings.Trim(which, "{}"))
	} else {
		vm.Name = keep(which)
	}
	if name := optionValue(p.Args, "comment"); name != "" {
		vm.Name = keep(name)
	}
	return true
}

// fromVMware knows the process of a machine by its last argument, the machine's
// configuration. Licences are entered with the same program.
func fromVMware(vm *VM, p Process) bool {
	name, ok := strings.CutSuffix(baseName(p.Args[len(p.Args)-1]), ".vmx")
	if !ok || name == "" {
		return false
	}
	vm.Name = keep(name)
	return true
}
