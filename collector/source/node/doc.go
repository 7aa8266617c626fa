// Package node is the source for the machine that the exporter runs on: what it
// is (a host, a virtual machine, a container) and on what hypervisor, how much
// CPU time that hypervisor took from it, and what pressure it is under.
//
// What a machine is gets decided in the order of systemd-detect-virt, whose
// rules hold years of reports from odd machines. Deviations say why.
package node
