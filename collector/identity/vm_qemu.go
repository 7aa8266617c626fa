package identity

import (
	"encoding/json"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// qemu is what the arguments of a QEMU say, as far as it is of use here.
type qemu struct {
	name, uuid, smbiosUUID string
	vmid                   string // of Proxmox
	manufacturer           string // of the machine, as its firmware shows it
	accel, machineAccel    string
	machine, cpu           string
	readconfig             string
	smp, memory            string
	xen, noVM              bool

	// Of files and sockets whose paths tell who started it.
	session, kubevirt, kata bool

	devices []device
	sockets map[string]string // path of a character device's socket by its id
	fsdevs  map[string]string // path of a file system device by its id
	shares  []model.Share     // of -virtfs
}

// device is one -device, in either form.
type device struct {
	Driver   string `json:"driver"`
	Chardev  string `json:"chardev"`
	Tag      string `json:"tag"`
	Fsdev    string `json:"fsdev"`
	MountTag string `json:"mount_tag"`
}

func fromQEMU(vm *VM, p Process) bool {
	q := readQEMU(p)
	if q.noVM || q.xen || q.machine == "none" {
		return false
	}
	q.fill(vm)
	vm.Accelerator = keep(q.accelerator(p.Args[0]))
	q.identify(vm, p)
	return true
}

// fromStratoVirt reads the arguments of StratoVirt, which are those of QEMU.
func fromStratoVirt(vm *VM, p Process) bool {
	q := readQEMU(p)
	if q.noVM || q.machine == "none" {
		return false
	}
	q.fill(vm)
	vm.Accelerator = "kvm"
	q.identify(vm, p)
	return true
}

// readQEMU reads all options. Those that are not known here are passed over
// without their values, which seldom begin with a dash; the ones that hold free
// text are known.
func readQEMU(p Process) *qemu {
	q := &qemu{sockets: map[string]string{}, fsdevs: map[string]string{}}
	for i := 1; i < len(p.Args); i++ {
		key, ok := cutDashes(p.Args[i])
		if !ok {
			continue
		}
		if q.flag(key) || i+1 == len(p.Args) {
			continue
		}
		value := p.Args[i+1]
		if key != "append" { // the guest's own words
			q.origin(value, p.UID)
		}
		if q.option(key, value) {
			i++
		}
	}
	return q
}

// flag reads an option without a value.
func (q *qemu) flag(key string) bool {
	switch key {
	case "enable-kvm":
		if q.machineAccel == "" {
			q.machineAccel = "kvm"
		}
	case "version", "help", "h":
		q.noVM = true
	default:
		return false
	}
	return true
}

// option reads an option with its value, and reports false for one that is not
// known.
func (q *qemu) option(key, value string) bool {
	switch key {
	case "name":
		q.setName(value)
	case "uuid":
		q.uuid = value
	case "smbios":
		q.setSMBIOS(value)
	case "id":
		q.vmid = value
	case "accel":
		if q.accel == "" {
			q.accel = first(value, "accel")
		}
	case "machine", "M":
		q.setMachine(value)
	case "cpu":
		q.cpu, _ = cutComma(value)
	case "smp":
		q.smp = value
	case "m":
		q.memory = value
	case "readconfig":
		q.readconfig = value
	case "xen-domid":
		q.xen = true
	case "device":
		q.addDevice(value)
	case "chardev":
		if backend, rest := cutComma(value); backend == "socket" {
			put(q.sockets, suboption(rest, "id"), suboption(rest, "path"))
		}
	case "fsdev":
		put(q.fsdevs, suboption(value, "id"), suboption(value, "path"))
	case "virtfs":
		q.addShare(suboption(value, "mount_tag"), suboption(value, "path"), "9p")
	default:
		return freeText(key)
	}
	return true
}

// freeText reports whether the option's value may be anything.
func freeText(key string) bool {
	switch key {
	case "append", "kernel", "initrd", "dtb", "drive", "cdrom", "hda", "fw_cfg", "object", "netdev", "global", "set":
		return true
	}
	return false
}

func put(paths map[string]string, id, path string) {
	if id != "" && path != "" && len(paths) < 4*maxShares {
		paths[id] = path
	}
}

// first returns the value of key, or of the first part if that has no key.
func first(s, key string) string {
	for k, v := range suboptions(s) {
		if k == key || k == "" {
			return v
		}
	}
	return ""
}

func (q *qemu) setName(value string) {
	for key, v := range suboptions(value) {
		if key == "guest" || key == "" {
			q.name = v
		}
	}
}

func (q *qemu) setSMBIOS(value string) {
	if suboption(value, "type") != "1" {
		return
	}
	for key, v := range suboptions(value) {
		switch key {
		case "uuid":
			q.smbiosUUID = v
		case "manufacturer":
			q.manufacturer = v
		}
	}
}

func (q *qemu) setMachine(value string) {
	for key, v := range suboptions(value) {
		switch key {
		case "", "type":
			q.machine = v
		case "accel":
			q.machineAccel = v
		}
	}
}

// addDevice keeps the devices that are file systems.
func (q *qemu) addDevice(value string) {
	if len(q.devices) == maxShares || !strings.Contains(value, "9p") && !strings.Contains(value, "vhost-user-fs") {
		return
	}
	var d device
	if strings.HasPrefix(value, "{") {
		if json.Unmarshal([]byte(value), &d) != nil {
			return
		}
	} else {
		d = device{
			Driver: first(value, "driver"), Chardev: suboption(value, "chardev"), Tag: suboption(value, "tag"),
			Fsdev: suboption(value, "fsdev"), MountTag: suboption(value, "mount_tag"),
		}
	}
	q.devices = append(q.devices, d)
}

func (q *qemu) addShare(tag, path, fstype string) {
	if len(q.shares) < maxShares {
		q.shares = append(q.shares, model.Share{Tag: keep(tag), Source: keepPath(path), FSType: fstype})
	}
}

// fill hands over what needs no knowledge of who started the machine.
func (q *qemu) fill(vm *VM) {
	vm.UUID = keep(q.uuid)
	if vm.UUID == "" {
		vm.UUID = keep(q.smbiosUUID)
	}
	vm.VCPUs = q.vcpus()
	vm.MemoryBytes = parseSize(first(q.memory, "size"), 1<<20)
	for _, d := range q.devices {
		switch {
		case strings.HasPrefix(d.Driver, "virtio-9p"):
			q.addShare(d.MountTag, q.fsdevs[d.Fsdev], "9p")
		case strings.HasPrefix(d.Driver, "vhost-user-fs"):
			q.addShare(d.Tag, "", "virtiofs")
			if path := keepPath(q.sockets[d.Chardev]); path != "" {
				vm.Sockets = append(vm.Sockets, ShareSocket{Tag: keep(d.Tag), Path: path})
			}
		}
	}
	vm.Shares = q.shares
}

// vcpus works out -smp as QEMU does: the number of vCPUs, else the greatest
// number, else the product of the topology. Without -smp it is one.
func (q *qemu) vcpus() int {
	if q.smp == "" && q.readconfig == "" {
		return 1
	}
	var cpus, maxcpus int
	product := 0
	for key, value := range suboptions(q.smp) {
		n := parseVCPUs(value)
		switch key {
		case "", "cpus":
			cpus = n
		case "maxcpus":
			maxcpus = n
		case "drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads":
			if product = max(product, 1) * n; product > maxVCPUs {
				return cpus
			}
		}
	}
	switch {
	case cpus > 0:
		return cpus
	case maxcpus > 0:
		return maxcpus
	}
	return product
}

// accelerator is the first that was asked for. Where none was, a program called
// kvm takes that, and one whose configuration is in a file is not known but for
// the CPU model that only KVM has.
func (q *qemu) accelerator(arg0 string) string {
	accel, _, _ := strings.Cut(q.machineAccel, ":")
	switch {
	case q.accel != "":
		return q.accel
	case accel != "":
		return accel
	case strings.HasSuffix(baseName(arg0), "kvm"), q.cpu == "host":
		return "kvm"
	case q.readconfig != "":
		return ""
	}
	return "tcg"
}
