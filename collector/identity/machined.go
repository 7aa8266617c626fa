package identity

import (
	"path"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const machines = "/run/systemd/machines"

// machine is what systemd-machined keeps of one, in /run/systemd/machines/NAME.
type machine struct {
	Class   string // vm, container, host
	Service string // who registered it: systemd-nspawn, libvirt-lxc, …
	Unit    string
	UUID    string
}

// parseMachine reads the state file of a machine: KEY=VALUE with the bytes of
// C's escapes.
func parseMachine(s string) machine {
	var m machine
	for line := range strings.Lines(s) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		value = text(unescape(strings.Trim(value, `"`)))
		switch key {
		case "CLASS":
			m.Class = value
		case "SERVICE":
			m.Service = value
		case "UNIT", "SCOPE": // SCOPE until systemd 253
			m.Unit = value
		case "ID":
			if b, ok := parseUUID(value); ok {
				m.UUID = formatUUID(b)
			}
		}
	}
	return m
}

// machine asks systemd-machined's files about a machine. That they are missing
// is no fault: it need not run.
func (q *query) machine() bool {
	if q.m.Foreign() {
		return false // a user's own machines are not there
	}
	v := visit(q.path)
	name, unit := q.m.Name, v.name
	switch {
	case q.m.Runtime == "libvirt-lxc":
		name = "lxc-" + q.m.ID + "-" + q.m.Name
	case v.name == "payload" && v.at.parent == "":
		return q.looseMachine()
	case v.name == "payload":
		unit = v.at.parent
		if registered, err := q.files.readlink(path.Join(machines, "unit:"+unit)); err == nil {
			name = path.Base(registered)
		}
	}
	return q.registered(name, unit)
}

// registered reads the file of the machine called name, if it is the one in
// unit.
func (q *query) registered(name, unit string) bool {
	if !fileName(name) {
		return false
	}
	file := path.Join(machines, name)
	b, ok := q.read(file)
	if !ok {
		return false
	}
	m := parseMachine(string(b))
	if m.Class == "" || m.Unit != "" && m.Unit != unit && unit != "" && q.m.Runtime != "libvirt-lxc" {
		return false // another of that name
	}
	w := &q.who
	w.UUID, w.Source, w.Name = m.UUID, file, name
	if q.m.Runtime == "libvirt-lxc" {
		w.Name = q.m.Name
		return true
	}
	w.Runtime = serviceRuntime(m.Service)
	if m.Class == "vm" {
		w.Kind = model.VM
	}
	return true
}

// serviceRuntime returns the label runtime for what registered a machine.
func serviceRuntime(service string) string {
	switch service {
	case "", "systemd-nspawn", "nspawn":
		return "nspawn"
	case "libvirt-qemu", "systemd-vmspawn", "vmspawn":
		return "qemu"
	}
	return service
}

// looseMachine names the payload of a systemd-nspawn that stands in no unit. It
// keeps a directory for each machine while that runs: where there is one that
// machined does not know, it is that.
func (q *query) looseMachine() bool {
	const dir = "/run/systemd/nspawn/propagate"
	names, err := q.files.names(dir)
	if err != nil {
		return false
	}
	var loose []string
	for _, name := range names {
		if _, err := q.files.lstat(path.Join(machines, name)); err != nil {
			loose = append(loose, name)
		}
	}
	if len(loose) != 1 {
		return false
	}
	q.who.Name, q.who.Source = loose[0], path.Join(dir, loose[0])
	return true
}
