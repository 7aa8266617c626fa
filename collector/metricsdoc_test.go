package collector

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
)

const metricsPage = "METRICS.md"

// METRICS.md is printed from the table of families, so that it can neither lie
// nor be forgotten.
func TestMetricsDocPage(t *testing.T) {
	got := page()
	if *Update {
		if err := os.WriteFile(metricsPage, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s is not that of the table, -update writes it anew (-want +got):\n%s", metricsPage, diff)
	}
}

// Nobody should have to guess what a number is or why it is not there.
func TestMetricsDocSaysAll(t *testing.T) {
	for _, f := range documented() {
		switch {
		case f.help == "" || !strings.HasSuffix(f.help, "."):
			t.Errorf("%s: the help text is no sentence: %q", f.name, f.help)
		case f.from == "":
			t.Errorf("%s does not say where it comes from", f.name)
		case strings.ContainsAny(f.help+f.from, "|\n"):
			t.Errorf("%s: a line break or | would break the table", f.name)
		}
	}
}

// documentedRow is a row without the type of what it is about.
type documentedRow struct {
	name, help, from string
	typ              dto.MetricType
	labels           []string
	core             bool
}

// strip leaves out of rows what the page does not show.
func strip[T any](rows []row[T]) []documentedRow {
	var out []documentedRow
	for _, r := range rows {
		out = append(out, documentedRow{r.name, r.help, r.from, r.typ, r.labels, r.core})
	}
	return out
}

// section is a part of the page.
type section struct {
	title, text string
	rows        []documentedRow
}

func documented() []documentedRow {
	var all []documentedRow
	for _, s := range sections() {
		all = append(all, s.rows...)
	}
	return all
}

func sections() []section {
	return []section{
		{"Guests: identity", guestsIntro, strip(infoRows(nil))},
		{"Guests: what they say to alerts", "", strip(alertRows(labelPlan{}))},
		{"Guests: CPU", "", strip(cpuRows())},
		{"Guests: what running a virtual machine costs", "", strip(vmmRows())},
		{"Guests: pressure", "", strip(pressureRows())},
		{"Guests: I/O", "", strip(ioRows())},
		{"Guests: disks of virtual machines", "", strip(diskRows())},
		{"Guests: directories of this host that are given to them", "", strip(shareRows())},
		{"Guests: memory", "", strip(memoryRows())},
		{"Guests: memory of virtual machines", "", strip(balloonRows())},
		{"Guests: network", "", strip(networkRows())},
		{"File systems that are passed through", mountsIntro, strip(mountRows())},
		{"This machine", nodeIntro, strip(nodeRows())},
		{"The exporter", "", strip(sourceRows())},
	}
}

const (
	guestsIntro = "Every family of a guest carries `kind` (`vm`, `container`), `runtime` (`qemu`, `firecracker`, `docker`, `podman`, `lxc`, …) and `guest`,\n" +
		"the name that a person uses, unique within kind and runtime. All else that describes a guest is on `virt_guest_info` alone: join on\n" +
		"`(instance, vm_host, kind, runtime, guest)`. Container labels that the operator names are there as `label_…`.\n"
	mountsIntro = "Every family carries `mountpoint` as it is in that mount namespace, and `kind`, `runtime` and `guest` for a container's; without them it is this\n" +
		"machine's own. `op` is `stat`, `lookup` and `statfs`; `read` and `readdir` of a file that the operator names; `create`, `write` (4 KiB and\n" +
		"fdatasync), `rename` and `unlink` in a directory that the operator names. `reference` is `local` or `tmpfs`.\n"
	nodeIntro = "What the exporter runs on: a host, a virtual machine or a container.\n"
)

// Every row of a subject must be in a section.
func TestMetricsDocIsComplete(t *testing.T) {
	var inTable, onPage []string
	for _, f := range Families() {
		inTable = append(inTable, f.Name)
	}
	for _, f := range documented() {
		onPage = append(onPage, f.name)
	}
	if diff := cmp.Diff(inTable, onPage); diff != "" {
		t.Errorf("-table +page:\n%s", diff)
	}
}

// page prints METRICS.md.
func page() string {
	var b strings.Builder
	b.WriteString(pageIntro)
	for _, s := range sections() {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.text != "" {
			b.WriteString(s.text + "\n")
		}
		b.WriteString("| family | type | labels | meaning | read from |\n|---|---|---|---|---|\n")
		for _, f := range s.rows {
			name := "`" + f.name + "`"
			if f.core {
				name = "**core** " + name
			}
			labels := ""
			if len(f.labels) > 0 {
				labels = "`" + strings.Join(f.labels, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, strings.ToLower(f.typ.String()), labels, f.help, f.from)
		}
	}
	b.WriteString(pageRules)
	return b.String()
}

const pageIntro = `# Metrics

This page is printed from the exporter's own table of families by ` + "`make docs`" + `: do not edit it. Names marked **core** are a contract: rules,
dashboards and queries may rely on them. More families may join.

- **guest**: a virtual machine or a container. One schema for both. Pause containers, conmon, LXC monitors and other helpers of an engine are
  no guests. A guest's figures include the guests inside it (Docker in LXC); the inner one names its ` + "`parent`" + `.
- **steal**: thread-seconds in which CPU work was runnable and did not run. For a VM over its vCPU threads, for a container over all its
  threads. It includes the guest's own quota at work and waiting for its own other threads: the split by cause says which.
- **run**: time on a CPU of exactly the same threads. steal ÷ (run + steal) lies between 0 and 1 and is *the* steal ratio.
- **waiting** and **stalled**: the kernel's pressure (PSI) ` + "`some` and `full`" + `, in seconds: some tasks of the guest waited, or all that were not idle.
- **throttled**: time that CPU quotas held the guest, as the kernel counts it for each CPU queue. These are not thread-seconds: never subtract
  them from steal.
- **layer**: where I/O is looked at. ` + "`host`" + ` is the host's bottom block device on the guest's behalf, ` + "`guest`" + ` the virtual device, what the guest waits
  for. What lies between is the cost of the virtual layer.

Labels with few values: ` + "`resource`" + ` is cpu, memory, io or irq; ` + "`op`" + ` read, write, flush or discard, for limits also total; ` + "`method`" + ` measured or estimated; ` + "`event`" + ` low, high, max, oom or oom_kill; ` + "`type`" + ` anon or file; ` + "`state`" + ` running or
paused, of a virtual machine also blocked, shutting_down, shut_off, crashed or suspended; ` + "`component`" + ` vcpu_host, vcpu, emulator, iothread, vhost,
virtiofsd, worker or other; ` + "`reason`" + ` of exits io, mmio, halt, irq, irq_window, nmi_window, hypercall, wfe or other; ` + "`event`" + ` of KVM directed_yield_attempted,
directed_yield_successful, preemption_reported, preemption_other, halt_wakeup, irq_injection, instruction_emulation or tlb_flush; ` + "`result`" + ` success or fail;
` + "`direction`" + ` receive or transmit, of swapping in or out.

` + "`cause`" + `, why a guest waited: neighbour (the guest that ` + "`culprit`" + ` names), system (the service or slice of the host that it names), self (its own other
threads or requests, its helpers, the guests inside or around it), kernel (its own threads, for whomever they worked; where that is measured), throttle (a CPU quota on it or above it), limit (a cap on its I/O), own_limit (of its memory),
hypervisor (this machine's own CPU was taken away), wakeup (a CPU was idle and had to be woken), device (a slow disk that nobody else uses), unexplained (the
rest). Those beyond the number of culprits that is named have the culprit other. ` + "`method`" + ` estimated: every 5 s, and a culprit is one who used more than its share.
` + "`method`" + ` measured: the waits for a CPU were split among those who ran meanwhile, whatever their share; a guest has the one or the other. ` + "`scope`" + ` of
reclaim is own_limit or host. A neighbour that is other may also be a guest that has not been found yet. ` + "`reason`" + ` of what a program in
the kernel lost: no_slot (a guest beyond those that are told apart: it is estimated), no_memory and cgroups_full (run and steal of threads, and reclaim), full and
nameless (requests of a disk), no_start (requests that are counted without their time), start_unknown and no_room (requests of a mount).
`

const pageRules = `
## Rules

- Absent is not zero. What cannot be read on a host, a limit that is not set and a guest that does not report have no series.
  ` + "`virt_feature_available`" + ` says what a host does not let the exporter see, and why.
- Base units, ` + "`_total`" + ` on counters, no rates and no percentages.
- Limits, weights and cpusets are read again every two minutes, those of a container in its first minute at every scrape.
- A counter that is one number of the kernel is passed on as it is. A counter that holds state of the exporter's own (steal and run with those of
  threads that have exited, OOM kills, I/O of cgroup v1) counts from 0 at the exporter's start: use ` + "`increase()`" + ` and ` + "`rate()`" + `, absolute values promise nothing.
  A restart of the exporter is never seen as a burst.
- A guest that is gone has no series, but for its OOM events, which stay for 15 minutes so that somebody can be paged.
- Sums over guests leave out those inside others: ` + "`unless on (instance, vm_host, kind, runtime, guest) virt_guest_info{parent!=\"\"}`" + `. A VM's steal on its
  host and the steal that the VM itself sees are the same seconds: never add instances of different roles.
- A histogram has native buckets (schema 0, powers of two) and classic ones from 2^-20 s to 2^4 s in steps of ×4, so that servers old and
  new see it and both are exact.
`
