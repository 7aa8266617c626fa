// Package cgroup is the source of containers: it walks the cgroup hierarchies
// of this host (v2, v1 or both), finds out which directories are containers,
// and reads the kernel's files about them and about their threads. It asks no
// daemon.
//
// A reading has three steps. The walk (walk.go) brings the tree of cgroups up
// to date and discovers guests. The threads (threads.go) give run and steal,
// summed over everything that ever ran in a guest. The files (read_*.go) give
// the rest. What must survive from one reading to the next, and only that, is
// in tree, thread and guest.
package cgroup
