package identity

import (
	"path"
	"strings"
)

// lxcOwner is an engine that runs containers of LXC, and a file or directory
// that exists while it has a container.
type lxcOwner struct {
	runtime   string
	container string // directory of its containers
	self      string // directory that shows that it is there at all
}

func lxcOwners() []lxcOwner {
	return []lxcOwner{
		{"incus", "/run/incus", ""},
		{"incus", "/var/lib/incus/containers", "/var/lib/incus"},
		{"lxd", "/var/snap/lxd/common/lxd/containers", "/var/snap/lxd/common/lxd"},
		{"lxd", "/var/lib/lxd/containers", "/var/lib/lxd"},
		{"lxc", "/var/lib/lxc", ""},
	}
}

// lxc tells who runs a container of LXC: LXC itself, Incus, LXD or Proxmox. The
// paths of all are alike.
func (q *query) lxc() bool {
	if q.m.Scope != "" || !fileName(q.m.Name) {
		return false // a user's own
	}
	if q.m.ID != "" && q.proxmoxContainer() {
		return true
	}
	if q.late {
		return false // the next ones would take Proxmox' container for their own
	}
	for _, o := range lxcOwners() {
		if dir := path.Join(o.container, q.m.Name); q.exists(dir) {
			q.lxcOf(o.runtime, dir)
			return true
		}
	}
	for _, o := range lxcOwners() {
		if o.self != "" && q.exists(o.self) {
			q.lxcOf(o.runtime, o.self)
			return true
		}
	}
	return false
}

// lxcOf names a container of LXC, Incus or LXD. The latter two put the project
// before the name of the instance, which has no underscore; in the project
// "default" they do not.
func (q *query) lxcOf(runtime, source string) {
	w := &q.who
	w.Runtime, w.Name, w.Source = runtime, q.m.Name, source
	if runtime == "lxc" {
		return
	}
	w.ID, w.Project = "", "default"
	if i := strings.LastIndexByte(q.m.Name, '_'); i > 0 && i < len(q.m.Name)-1 {
		w.Project = q.m.Name[:i]
		w.Name = w.Project + "/" + q.m.Name[i+1:]
	}
}

// proxmoxContainer names a container of Proxmox by its host name there. That
// file is for root and the group www-data only.
func (q *query) proxmoxContainer() bool {
	file, b, ok := q.readPVE("lxc", q.m.ID)
	if !ok {
		return false
	}
	q.who.Source, q.who.Name = file, parseProxmox(string(b), "hostname")
	if q.who.Name == "" {
		q.who.Name = q.m.ID
	}
	return true
}

// proxmoxVM names a virtual machine of Proxmox.
func (q *query) proxmoxVM() bool {
	v := visit(q.path)
	_, vmid, ok := vmName(v.at, v.name)
	if !ok || !digits(vmid) {
		return false
	}
	file, b, ok := q.readPVE("qemu-server", vmid)
	if !ok {
		return false
	}
	w := &q.who
	w.Runtime, w.ID, w.Source, w.Name = "qemu", vmid, file, parseProxmox(string(b), "name")
	if w.Name == "" {
		w.Name = vmid
	}
	return true
}

// parseProxmox returns the value of a key in a guest's configuration of Proxmox.
// Sections that follow hold snapshots.
func parseProxmox(conf, key string) string {
	for line := range strings.Lines(conf) {
		if strings.HasPrefix(line, "[") {
			break
		}
		if k, value, ok := strings.Cut(line, ":"); ok && k == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
