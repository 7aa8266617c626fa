// Package vmm is the source of virtual machines that are processes of this
// host: QEMU, Firecracker, cloud-hypervisor, crosvm, libkrun, Dragonball,
// kvmtool, StratoVirt, VirtualBox, VMware Workstation, and whatever else runs
// code in guest mode. It reads /proc alone, needs no privilege and asks no
// daemon: steal stays live whatever hangs.
//
// A reading (vmm.go) begins with the list of processes (scan.go): those that
// are new, or young, or were not looked at for a while, are examined
// (examine.go), and one that runs a virtual machine becomes a machine, one that
// serves another becomes a part of it (helper.go), with the socket by which it is
// known (sockets.go). Then every machine is read (machine.go): its processes
// (process.go), their threads (thread.go), the daemons of its shares (share.go,
// files.go), and its memory. By which numbers the kernel knows a machine's threads
// is said for those who ask the kernel itself (pidns.go). What must survive from one reading to the next is in
// machine, process, thread and served.
//
// vCPU threads are known by the name that the hypervisor gives them and, where
// it gives none, by the time that they spent in guest mode.
package vmm
