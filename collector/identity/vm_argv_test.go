package identity

// Command lines of QEMU that are too long for a table.
const (
	libvirtVirtiofs = `/usr/bin/qemu-system-x86_64 -name guest=guest,debug-threads=on -S
		-object '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/var/lib/libvirt/qemu/domain--1-guest/master-key.aes"}'
		-machine q35,usb=off,dump-guest-core=off,acpi=on -accel tcg -cpu qemu64 -m size=2097152k -overcommit mem-lock=off
		-smp 2,sockets=2,cores=1,threads=1
		-object '{"qom-type":"memory-backend-file","id":"ram-node0","mem-path":"/dev/hugepages2M/libvirt/qemu/-1-guest","share":true,"prealloc":true,"size":2147483648}'
		-numa node,nodeid=0,cpus=0-1,memdev=ram-node0 -uuid 1ccfd97d-5eb4-478a-bbe6-88d254c16db7 -display none -no-user-config -nodefaults
		-chardev socket,id=charmonitor,fd=1729,server=on,wait=off -mon chardev=charmonitor,id=monitor,mode=control -rtc base=utc
		-no-shutdown -boot strict=on
		-device '{"driver":"pcie-root-port","port":8,"chassis":1,"id":"pci.1","bus":"pcie.0","multifunction":true,"addr":"0x1"}'
		-blockdev '{"driver":"file","filename":"/var/lib/libvirt/images/guest.qcow2","node-name":"libvirt-1-storage","auto-read-only":true,"discard":"unmap"}'
		-device '{"driver":"virtio-blk-pci","bus":"pci.4","addr":"0x0","drive":"libvirt-1-format","id":"virtio-disk0","bootindex":1}'
		-chardev socket,id=chr-vu-fs0,path=/var/lib/libvirt/qemu/domain--1-guest/fs0-fs.sock
		-device '{"driver":"vhost-user-fs-pci","id":"fs0","chardev":"chr-vu-fs0","tag":"mount_tag","bootindex":2,"bus":"pci.1","addr":"0x0"}'
		-chardev socket,id=chr-vu-fs1,path=/var/lib/libvirt/qemu/domain--1-guest/fs1-fs.sock
		-device '{"driver":"vhost-user-fs-pci","id":"fs1","chardev":"chr-vu-fs1","tag":"mount_tag2","bootindex":3,"bus":"pci.2","addr":"0x0"}'
		-audiodev '{"id":"audio1","driver":"none"}' -global ICH9-LPC.noreboot=off -watchdog-action reset
		-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -msg timestamp=on`

	libvirt9p = `/usr/bin/qemu-system-x86_64 -name guest=QEMUGuest1,debug-threads=on -S
		-object '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/var/lib/libvirt/qemu/domain--1-QEMUGuest1/master-key.aes"}'
		-machine pc,usb=off,dump-guest-core=off,memory-backend=pc.ram,acpi=off -accel tcg -cpu qemu64 -m size=219136k
		-object '{"qom-type":"memory-backend-ram","id":"pc.ram","size":224395264}' -overcommit mem-lock=off -smp 1,sockets=1,cores=1,threads=1
		-uuid c7a5fdbd-edaf-9455-926a-d65c16db1809 -display none -no-user-config -nodefaults
		-chardev socket,id=charmonitor,fd=1729,server=on,wait=off -mon chardev=charmonitor,id=monitor,mode=control -rtc base=utc
		-fsdev local,security_model=passthrough,id=fsdev-fs0,path=/export/to/guest
		-device '{"driver":"virtio-9p-pci","id":"fs0","fsdev":"fsdev-fs0","mount_tag":"/import/from/host","bus":"pci.0","addr":"0x2"}'
		-fsdev local,security_model=mapped,writeout=immediate,id=fsdev-fs1,path=/export/to/guest2
		-device '{"driver":"virtio-9p-pci","id":"fs1","fsdev":"fsdev-fs1","mount_tag":"/import/from/host2","bus":"pci.0","addr":"0x3"}'
		-audiodev '{"id":"audio1","driver":"none"}' -msg timestamp=on`

	nova = `/usr/bin/qemu-system-x86_64 -name guest=instance-0034d494,debug-threads=on -S
		-object secret,id=masterKey0,format=raw,file=/var/lib/libvirt/qemu/domain-9-instance-0034d494/master-key.aes
		-machine pc-i440fx-bionic,accel=kvm,usb=off,dump-guest-core=off -cpu Broadwell-IBRS,md-clear=on,vmx=on -m 60000
		-overcommit mem-lock=off -smp 16,sockets=16,cores=1,threads=1 -uuid b959a460-84b0-4280-b851-96755027622b
		-smbios 'type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,version=14.1.1,serial=5b429103-2856-154f-1caf-5ffb5694cdc3,uuid=b959a460-84b0-4280-b851-96755027622b,family=Virtual Machine'
		-no-user-config -nodefaults -chardev socket,id=charmonitor,fd=28,server,nowait -mon chardev=charmonitor,id=monitor,mode=control
		-rtc base=utc,driftfix=slew -global kvm-pit.lost_tick_policy=delay -no-hpet -no-shutdown -boot strict=on
		-drive file=/home/instances/b959a460-84b0-4280-b851-96755027622b/disk,format=raw,if=none,id=drive-virtio-disk0,cache=none,discard=unmap,aio=native,throttling.iops-total=80000`

	proxmox = `/usr/bin/kvm -id 8006 -name simple -no-shutdown
		-chardev socket,id=qmp,path=/var/run/qemu-server/8006.qmp,server=on,wait=off -mon chardev=qmp,mode=control
		-pidfile /var/run/qemu-server/8006.pid -daemonize -smbios type=1,uuid=7b10d7af-b932-4c66-b2c3-3996152ec465
		-smp 3,sockets=1,cores=3,maxcpus=3 -nodefaults -boot menu=on,strict=on,reboot-timeout=1000
		-vnc unix:/var/run/qemu-server/8006.vnc,password=on -cpu kvm64,enforce,+kvm_pv_eoi,+kvm_pv_unhalt,+lahf_lm,+sep -m 768
		-object '{"id":"throttle-drive-scsi0","limits":{},"qom-type":"throttle-group"}' -global PIIX4_PM.disable_s3=1
		-device vmgenid,guid=c773c261-d800-4348-9f5d-167fadd53cf8 -device piix3-usb-uhci,id=uhci,bus=pci.0,addr=0x1.0x2
		-netdev type=tap,id=net0,ifname=tap8006i0,script=/usr/libexec/qemu-server/pve-bridge,vhost=on -machine hpet=off,type=pc+pve0`

	kataQEMU = `/usr/bin/qemu-system-x86_64 -name sandbox-` + sandbox + ` -uuid e16fe487-1d37-460d-a321-9c51a1cc31be
		-machine q35,accel=kvm,kernel_irqchip -cpu host,pmu=off -qmp unix:/run/vc/vm/` + sandbox + `/qmp.sock,server,nowait
		-m 2048M,slots=10,maxmem=33194M -device pci-bridge,bus=pcie.0,id=pci-bridge-0,chassis_nr=1,shpc=on,addr=2,romfile=
		-device virtio-scsi-pci,id=scsi0,disable-modern=true,romfile= -device vhost-vsock-pci,disable-modern=true,vhostfd=3,id=vsock-4098393649,guest-cid=4098393649,romfile=
		-chardev socket,id=char-e8a40c96c0a36c55,path=/run/vc/vm/` + sandbox + `/vhost-fs.sock
		-device vhost-user-fs-pci,chardev=char-e8a40c96c0a36c55,tag=kataShared,romfile= -rtc base=utc,driftfix=slew,clock=host
		-global kvm-pit.lost_tick_policy=discard -vga none -no-user-config -nodefaults -nographic --no-reboot -daemonize
		-object memory-backend-file,id=dimm1,size=2048M,mem-path=/dev/shm,share=on -numa node,memdev=dimm1
		-kernel /usr/share/kata-containers/vmlinux.container -append 'tsc=reliable panic=1 nr_cpus=8' -smp 1,cores=1,threads=1,sockets=8,maxcpus=8`

	kubevirt = `/usr/libexec/qemu-kvm -name guest=default_vmi-ephemeral,debug-threads=on -S
		-object '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/var/run/kubevirt-private/libvirt/qemu/lib/domain-1-default_vmi-ephemera/master-key.aes"}'
		-machine pc-q35-rhel9.2.0,usb=off,dump-guest-core=off,memory-backend=pc.ram,acpi=on -accel kvm -cpu Skylake-Client-IBRS,ss=on,vmx=on
		-m size=131072k -object '{"qom-type":"memory-backend-ram","id":"pc.ram","size":134217728}' -overcommit mem-lock=off
		-smp 1,sockets=1,dies=1,cores=1,threads=1 -object '{"qom-type":"iothread","id":"iothread1"}' -uuid b56f06f0-07e9-4fe5-8913-18a14e83a4d1
		-smbios type=1,manufacturer=KubeVirt,product=None,uuid=b56f06f0-07e9-4fe5-8913-18a14e83a4d1,family=KubeVirt -no-user-config -nodefaults`
)
