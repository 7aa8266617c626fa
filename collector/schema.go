package collector

import (
	"slices"

	dto "github.com/prometheus/client_model/go"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	counter = dto.MetricType_COUNTER
	gauge   = dto.MetricType_GAUGE
	histo   = dto.MetricType_HISTOGRAM
)

// guestRows is the table of everything that is said of guests.
func guestRows(p labelPlan) []row[model.Guest] {
	return slices.Concat(infoRows(p.names), alertRows(p), cpuRows(), vmmRows(), pressureRows(), ioRows(), diskRows(), shareRows(), memoryRows(), balloonRows(), networkRows())
}

// infoRows says what guests are. labels are the names of labels made of what the
// operator allows of their own, by place; those without a name are not shown.
func infoRows(labels []string) []row[model.Guest] {
	names := []string{
		"id", "uuid", "vm_key", "parent", "cgroup", "image", "accelerator",
		"kube_namespace", "kube_pod", "kube_container", "project",
	}
	var places []int
	for i, name := range labels {
		if name != "" {
			names, places = append(names, name), append(places, i)
		}
	}
	return []row[model.Guest]{
		{
			name: "virt_guest_info", typ: gauge, core: true, labels: names,
			help: "What is known of a guest, always 1. What is unknown is empty; parent is kind/runtime/guest of the guest around it.",
			from: "cgroup paths and the engines' files; command lines of hypervisors; libvirt's domain XML",
			values: func(g *model.Guest, s *series) {
				i := &g.Info
				values := make([]string, 0, 16)
				values = append(values, i.ID, i.UUID, i.VMKey, i.Parent, i.Cgroup, i.Image, i.Accelerator,
					i.KubeNamespace, i.KubePod, i.KubeContainer, i.Project)
				for _, n := range places {
					value := ""
					if n < len(i.Labels) {
						value = i.Labels[n]
					}
					values = append(values, value)
				}
				if !g.Ended {
					s.add1(values...)
				}
			},
		},
		{
			name: "virt_guest_start_time_seconds", typ: gauge, core: true,
			help:   "When the guest started, in seconds since the epoch: the start of the oldest process that it had when it was found.",
			from:   "/proc/PID/stat",
			values: func(g *model.Guest, s *series) { s.add(g.StartTime) },
		},
		{
			name: "virt_guest_state", typ: gauge, labels: []string{"state"},
			help: "Whether the guest is in this state. A paused container is one whose cgroup is frozen; what a virtual machine does only libvirt knows.",
			from: "cgroup.events, freezer.state; libvirt state.state",
			values: func(g *model.Guest, s *series) {
				if g.State == "" {
					return
				}
				for _, state := range statesOf(g.Kind) {
					s.bool(g.State == state, string(state))
				}
			},
		},
		{
			name: "virt_guest_migrating", typ: gauge,
			help:   "Whether the virtual machine is on its way from or to another host: it may then be there too, paused.",
			from:   "libvirt state.reason",
			values: func(g *model.Guest, s *series) { s.add(g.Migrating) },
		},
		{
			name: "virt_guest_monitor_answers", typ: gauge,
			help:   "Whether the hypervisor's monitor answered libvirt lately. Where it does not, what only the monitor knows is absent.",
			from:   "libvirt: what the bulk call leaves out",
			values: func(g *model.Guest, s *series) { s.add(g.MonitorAnswers) },
		},
		{
			name: "virt_guest_openstack_info", typ: gauge,
			labels: []string{"name", "flavor", "project_name", "project_id", "user_name", "user_id", "root_type", "root_id"},
			help:   "What OpenStack Nova says of a virtual machine, always 1.",
			from:   "libvirt's domain XML, metadata of Nova",
			values: func(g *model.Guest, s *series) {
				if o := g.OpenStack; o != nil {
					s.add1(o.Name, o.Flavor, o.Project, o.ProjectID, o.User, o.UserID, o.RootType, o.RootID)
				}
			},
		},
	}
}

// statesOf lists the states in which a guest of a kind can be.
func statesOf(k model.Kind) []model.State {
	if k == model.Container {
		return []model.State{model.Running, model.Paused}
	}
	return []model.State{
		model.Running, model.Blocked, model.Paused, model.ShuttingDown, model.ShutOff, model.Crashed, model.Suspended,
	}
}
