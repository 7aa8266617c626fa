package identity

import (
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestThreadComponent(t *testing.T) {
	for _, tt := range []struct {
		runtime, comm string
		want          model.Component
	}{
		{"qemu", "CPU 0/KVM", model.VCPU},
		{"qemu", "CPU 1023/KVM", model.VCPU},
		{"qemu", "CPU 0/TCG", model.VCPU},
		{"qemu", "CPU 3/DUMMY", model.VCPU},
		{"qemu", "ALL CPUs/TCG", model.VCPU},
		{"qemu", "IO iothread1", model.IOThread},
		{"qemu", "IO mon_iothread", model.Emulator},
		{"qemu", "worker", model.Worker},
		{"qemu", "iou-wrk-4711", model.Worker},
		{"qemu", "iou-sqp-4711", model.IOThread},
		{"qemu", "vhost-4711", model.Vhost},
		{"qemu", "call_rcu", model.Other},
		{"qemu", "SPICE Worker", model.Other},
		{"qemu", "vnc_worker", model.Other},
		{"qemu", "live_migration", model.Other},
		{"qemu", "mig/src/main", model.Other},
		{"qemu", "multifdsend_0", model.Other},
		{"qemu", "kvm-nx-lpage-re", model.Other},
		{"qemu", "qemu-system-x86", model.Other},
		{"qemu", "CPU /KVM", model.Other},
		{"qemu", "CPU x/KVM", model.Other},
		{"qemu", "CPU 0", model.Other},
		{"qemu", "vcpu0", model.Other},
		{"qemu", "vhost-", model.Other},
		{"firecracker", "fc_vcpu 0", model.VCPU},
		{"firecracker", "fc_vcpu", model.Other},
		{"firecracker", "fc_api", model.Other},
		{"firecracker", "fc_vmm", model.Emulator},
		{"libkrun", "fc_vcpu 3", model.VCPU},
		{"libkrun", "fs worker", model.Virtiofsd},
		{"libkrun", "block worker", model.IOThread},
		{"libkrun", "virtio-net work", model.IOThread},
		{"libkrun", "vsock muxer", model.Other},
		{"cloud-hypervisor", "vcpu0", model.VCPU},
		{"cloud-hypervisor", "vcpu127", model.VCPU},
		{"cloud-hypervisor", "vcpu", model.Other},
		{"cloud-hypervisor", "vmm", model.Emulator},
		{"cloud-hypervisor", "_disk0_q0", model.IOThread},
		{"cloud-hypervisor", "_net1_qp0", model.IOThread},
		{"cloud-hypervisor", "data_q12", model.IOThread},
		{"cloud-hypervisor", "_fs3", model.Virtiofsd},
		{"cloud-hypervisor", "_rng", model.Other},
		{"cloud-hypervisor", "_net1_ctrl", model.Other},
		{"cloud-hypervisor", "http-server", model.Other},
		{"cloud-hypervisor", "x_quiet", model.Other},
		{"crosvm", "crosvm_vcpu0", model.VCPU},
		{"crosvm", "crosvm_vcpu_thr", model.Other},
		{"crosvm", "virtio_blk", model.IOThread},
		{"crosvm", "v_net:0", model.IOThread},
		{"crosvm", "v_fs:share:0", model.Virtiofsd},
		{"crosvm", "v_9p", model.Virtiofsd},
		{"crosvm", "v_balloon", model.Other},
		{"crosvm", "vcpu_throttle0", model.Other},
		{"dragonball", "db_vcpu0", model.VCPU},
		{"dragonball", "vmm_master", model.Emulator},
		{"dragonball", "blk_iothread_q0", model.IOThread},
		{"dragonball", "tokio-runtime-w", model.Other},
		{"kvmtool", "kvm-vcpu-0", model.VCPU},
		{"kvmtool", "virtio-blk-io", model.IOThread},
		{"kvmtool", "virtio-net-ctrl", model.IOThread},
		{"kvmtool", "disk-image-io", model.IOThread},
		{"kvmtool", "threadpool-work", model.Worker},
		{"kvmtool", "term-poll", model.Other},
		{"stratovirt", "CPU 0/Kvm", model.VCPU},
		{"stratovirt", "iothread1", model.IOThread},
		{"virtualbox", "EMT", model.VCPU},
		{"virtualbox", "EMT-1", model.VCPU},
		{"virtualbox", "EMT-x", model.Other},
		{"virtualbox", "ShCl", model.Other},
		{"vmware-workstation", "vmx-vcpu-0", model.VCPU},
		{"vmware-workstation", "vmx-mks", model.Other},
		{"", "CPU 0/KVM", model.VCPU},
		{"", "vcpu0", model.VCPU},
		{"", "fc_vcpu 1", model.VCPU},
		{"", "IO iothread1", model.IOThread},
		{"", "disk_q0", model.IOThread},
		{"", "worker", model.Worker},
		{"", "main", model.Other},
		{"xhyve", "CPU 0/KVM", model.Other},
	} {
		c, vcpu := ThreadComponent(tt.runtime, tt.comm, false)
		if c != tt.want || vcpu != (tt.want == model.VCPU) {
			t.Errorf("ThreadComponent(%q, %q) = %v, %v; want %v", tt.runtime, tt.comm, c, vcpu, tt.want)
		}
	}
}

func TestThreadComponentOfTheLeader(t *testing.T) {
	for _, tt := range []struct {
		runtime, comm string
		want          model.Component
	}{
		{"qemu", "qemu-system-x86", model.Emulator},
		{"qemu", "CPU 0/KVM", model.Emulator}, // -name process= may be anything
		{"firecracker", "firecracker", model.Emulator},
		{"dragonball", "containerd-shim", model.Other},
		{"", "x", model.Emulator},
	} {
		if c, vcpu := ThreadComponent(tt.runtime, tt.comm, true); c != tt.want || vcpu {
			t.Errorf("ThreadComponent(%q, %q) of the leader = %v, %v", tt.runtime, tt.comm, c, vcpu)
		}
	}
}

func TestThreadComponentDoesNotAllocate(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		ThreadComponent("qemu", "CPU 0/KVM", false)
		ThreadComponent("cloud-hypervisor", "_net1_qp0", false)
		ThreadComponent("", "something else", false)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkThreadComponent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ThreadComponent("qemu", "worker", false)
	}
}
