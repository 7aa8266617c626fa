// Package bpf is the source of what only the kernel itself sees: single waits for a
// CPU and who ran meanwhile, single block requests, reclaim, requests of FUSE mounts.
// It loads small programs of ours into the kernel, which count into maps; reading is
// reading those maps.
//
// # The way of a figure
//
// User space gives every guest a slot, and every other unit of the host one (places.go,
// owner.go). It tells the kernel which cgroups, and which threads of virtual machines,
// belong to which slot. The programs (c/*.bpf.c) find the slot of whoever they see and
// count by slot: what they keep is bounded, and they never ask user space. Readings
// take what was counted since the last one and add it to what is known of the guest
// whose slot it is (sched.go, block.go, …); a guest's figures are those of its own
// slots and of the guests inside it.
//
// Who ran while whom waited is kept in two tables (sched.go, matrix.go). One has a row
// for each slot and, as far as memory allows, each CPU: the waits by their length, and
// the time of the slot's own threads and of what is nobody's, in lines that no other
// CPU writes to. The other has a cell for each pair of slots, and is read only where
// the first says that something was added, some rows mapped at a time. There are as
// many slots as are needed and a quarter more.
//
// # What it needs
//
// CAP_BPF and CAP_PERFMON, and a kernel that describes its types (BTF, Linux 5.8 and
// later). All programs attach to raw tracepoints with BTF, so that neither tracefs nor
// a compiler nor kernel headers are needed on the host. Each program is an object of
// its own: one that is refused leaves the others.
//
// The objects are committed; `make bpf` makes them anew from c/.
package bpf
