package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// fromCrosvm reads "crosvm [options] run …". Other subcommands run no machine:
// they talk to one or serve devices.
func fromCrosvm(vm *VM, p Process) bool {
	run := crosvmCommand(p.Args)
	if run < 0 || p.Args[run] != "run" {
		return false
	}
	vm.Accelerator = "kvm"
	var name, socket string
	for o := range options(p.Args[run:]) {
		switch o.key {
		case "name":
			name = o.value
		case "s", "socket":
			socket = o.value
		case "c", "cpus":
			vm.VCPUs = parseVCPUs(first(o.value, "num-cores"))
		case "m", "mem":
			vm.MemoryBytes = parseSize(first(o.value, "size"), 1<<20)
		case "hypervisor":
			vm.Accelerator, _, _ = strings.Cut(keep(o.value), "[")
		case "shared-dir":
			vm.addShare(crosvmShare(o.value))
		case "vhost-user-fs":
			vm.addCrosvmSocket(o.value)
		case "vhost-user":
			if kind := first(o.value, "type"); kind == "fs" {
				vm.addServed("", suboption(o.value, "socket")) // the daemon has the tag
			}
		}
	}
	if vm.Name = keep(name); vm.Name == "" {
		vm.Name = keep(socketName(socket))
	}
	return true
}

// crosvmCommand returns where the subcommand stands, or -1.
func crosvmCommand(args []string) int {
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "--log-level" || args[i] == "--syslog-tag":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return i
		}
	}
	return -1
}

// crosvmShare reads DIRECTORY:TAG[:key=value]…, by default for 9p.
func crosvmShare(value string) model.Share {
	dir, rest, _ := strings.Cut(value, ":")
	tag, rest, _ := strings.Cut(rest, ":")
	s := model.Share{Tag: keep(tag), Source: keepPath(dir), FSType: "9p"}
	for part := range strings.SplitSeq(rest, ":") {
		switch key, v, _ := strings.Cut(part, "="); {
		case key == "type" && v == "fs":
			s.FSType = "virtiofs"
		case key == "cache":
			s.Cache = keep(v)
		}
	}
	return s
}

// addCrosvmSocket reads SOCKET,tag=TAG, and SOCKET:TAG as it was before.
func (vm *VM) addCrosvmSocket(value string) {
	socket, tag := first(value, "socket"), suboption(value, "tag")
	if i := strings.LastIndexByte(socket, ':'); tag == "" && i >= 0 {
		socket, tag = socket[:i], socket[i+1:]
	}
	vm.addServed(tag, socket)
}
