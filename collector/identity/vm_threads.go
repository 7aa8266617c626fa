package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// ThreadComponent says what a thread of a virtual machine's process does, by the
// name that the program gave it (/proc/PID/task/TID/comm, at most 15 bytes).
// vcpu is true for threads that run the guest, and c is model.VCPU then. leader
// marks the thread whose id is the process's own. An empty runtime is a program
// that is not known.
//
// A QEMU that does not name its threads (Incus, LXD and whoever leaves out
// debug-threads=on) has them all called like the process: they are model.Other
// here, and only their guest time tells vCPUs from the rest.
func ThreadComponent(runtime, comm string, leader bool) (c model.Component, vcpu bool) {
	switch {
	case leader && runtime == "dragonball":
		return model.Other, false // the shim's own
	case leader:
		return model.Emulator, false
	case isVCPU(runtime, comm):
		return model.VCPU, true
	}
	if c, ok := kernelThread(comm); ok {
		return c, false
	}
	for _, t := range threadNames() {
		if (runtime == t.runtime || runtime == "") && strings.HasPrefix(comm, t.prefix) {
			return t.component, false
		}
	}
	if (runtime == "cloud-hypervisor" || runtime == "") && isQueue(comm) {
		return model.IOThread, false
	}
	return model.Other, false
}

// isVCPU knows the names that each program gives to the threads of its vCPUs.
func isVCPU(runtime, comm string) bool {
	switch runtime {
	case "qemu", "stratovirt":
		return isQEMUvCPU(comm)
	case "firecracker", "libkrun":
		return numbered(comm, "fc_vcpu ")
	case "cloud-hypervisor":
		return numbered(comm, "vcpu")
	case "crosvm":
		return numbered(comm, "crosvm_vcpu")
	case "dragonball":
		return numbered(comm, "db_vcpu")
	case "kvmtool":
		return numbered(comm, "kvm-vcpu-")
	case "virtualbox":
		return comm == "EMT" || numbered(comm, "EMT-") // of a machine with one vCPU, with more
	case "vmware-workstation":
		return numbered(comm, "vmx-vcpu-")
	case "":
		return isQEMUvCPU(comm) || numbered(comm, "fc_vcpu ") || numbered(comm, "vcpu") || numbered(comm, "crosvm_vcpu") ||
			numbered(comm, "db_vcpu") || numbered(comm, "kvm-vcpu-") || comm == "EMT" || numbered(comm, "EMT-") ||
			numbered(comm, "vmx-vcpu-")
	}
	return false
}

// isQEMUvCPU knows "CPU 0/KVM", "CPU 0/TCG", StratoVirt's "CPU 0/Kvm", and "ALL
// CPUs/TCG", one thread for all of them.
func isQEMUvCPU(comm string) bool {
	if strings.HasPrefix(comm, "ALL CPUs/") {
		return true
	}
	rest, ok := strings.CutPrefix(comm, "CPU ")
	if !ok {
		return false
	}
	number, accel, ok := strings.Cut(rest, "/")
	return ok && digits(number) && accel != ""
}

func numbered(comm, prefix string) bool {
	rest, ok := strings.CutPrefix(comm, prefix)
	return ok && digits(rest)
}

// kernelThread knows what the kernel adds to the threads of a process: vhost's
// workers since Linux 6.4, and those of io_uring.
func kernelThread(comm string) (model.Component, bool) {
	switch {
	case numbered(comm, "vhost-"):
		return model.Vhost, true
	case strings.HasPrefix(comm, "iou-wrk-"):
		return model.Worker, true
	case strings.HasPrefix(comm, "iou-sqp-"): // polls the submissions of a disk
		return model.IOThread, true
	}
	return 0, false
}

type threadName struct {
	runtime, prefix string
	component       model.Component
}

// threadNames lists how the names of threads begin; the first that fits counts.
func threadNames() [34]threadName {
	return [...]threadName{
		{"qemu", "IO mon_iothread", model.Emulator}, // libvirt's, for the monitor
		{"qemu", "IO ", model.IOThread},
		{"qemu", "worker", model.Worker}, // file I/O without io_uring, and 9p
		{"qemu", "thread-pool", model.Worker},

		{"stratovirt", "iothread", model.IOThread},
		{"stratovirt", "IO ", model.IOThread},

		{"cloud-hypervisor", "vmm", model.Emulator},
		{"cloud-hypervisor", "_fs", model.Virtiofsd},
		{"cloud-hypervisor", "_disk", model.IOThread},

		{"crosvm", "v_fs", model.Virtiofsd}, // v_fs:TAG:QUEUE
		{"crosvm", "v_9p", model.Virtiofsd},
		{"crosvm", "virtio_blk", model.IOThread},
		{"crosvm", "v_block", model.IOThread},
		{"crosvm", "v_scsi", model.IOThread},
		{"crosvm", "v_net", model.IOThread},
		{"crosvm", "virtio_net", model.IOThread},

		{"libkrun", "fs worker", model.Virtiofsd},
		{"libkrun", "block worker", model.IOThread},
		{"libkrun", "virtio-net work", model.IOThread},

		{"dragonball", "vmm_master", model.Emulator},
		{"dragonball", "blk_iothread", model.IOThread},
		{"dragonball", "virtio_fs", model.Virtiofsd},

		{"kvmtool", "virtio-blk-io", model.IOThread},
		{"kvmtool", "disk-image-io", model.IOThread},
		{"kvmtool", "virtio-net-rx", model.IOThread},
		{"kvmtool", "virtio-net-tx", model.IOThread},
		{"kvmtool", "virtio-net-ctrl", model.IOThread},
		{"kvmtool", "threadpool-work", model.Worker}, // 9p among others

		{"virtualbox", "AioMgr", model.IOThread},
		{"virtualbox", "AIOMgr", model.IOThread},
		{"virtualbox", "IntNet-", model.IOThread},
		{"virtualbox", "NAT", model.IOThread},
		{"virtualbox", "TAP-", model.IOThread},

		{"firecracker", "fc_vmm", model.Emulator}, // of old: the event loop of its own
	}
}

// isQueue knows the threads of cloud-hypervisor's disks and networks, which are
// called ID_qN and ID_qpN for whatever id the device was given.
func isQueue(comm string) bool {
	i := strings.LastIndex(comm, "_q")
	if i < 0 {
		return false
	}
	return digits(strings.TrimPrefix(comm[i+len("_q"):], "p"))
}
