// Package cgroup is the source of containers, and of what the cgroups of virtual
// machines say of them: it walks the cgroup hierarchies of this host (v2, v1 or
// both), finds out which directories are guests, and reads the kernel's files
// about them and about the threads of containers. It asks no daemon.
//
// A reading (cgroup.go) begins with the walk (walk.go, discover.go), which
// brings the tree of cgroups up to date and finds guests. Then it takes one
// outermost guest after the other, with all that lies in it (reading.go): its
// threads (threads.go) give run and steal, summed over everything that ever ran
// there, and its files (cpu.go, memory.go, io.go, …) the rest. What must survive
// from one reading to the next, and only that, is in node, thread and guest.
//
// Of a virtual machine the threads are not read (vm.go): its steal is that of its
// vCPUs, and who those are is not to be seen here. Nor is its directory a guest
// while nothing runs in it (vacant.go): many are made early and left behind.
//
// Of the host's own directories, services and slices, it reads what they use
// (units.go, units_read.go): they may be in a guest's way.
//
// Whoever may make cgroups, in a container or in a session, decides what is
// read here: what he can make of it is bounded (room.go), and files that are not
// the host's own are looked at in the background (background.go).
package cgroup
