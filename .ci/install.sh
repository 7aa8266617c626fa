#!/usr/bin/env bash
# Installs the real components that the tests start, on Debian, as root. What is
# there already is left alone, nothing is removed for it, and no service is
# started. What cannot be had is left to the tests, which skip with a reason.
set -euo pipefail

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "== not root, or not Debian: nothing is installed"
	exit 0
fi

# A command, or the path of a file, and the package that has it.
wanted=(
	dockerd docker.io
	docker docker-cli # a package of its own from Debian 13 on
	containerd containerd
	runc runc
	podman podman
	crun crun
	lxc-start lxc
	systemd-nspawn systemd-container
	newuidmap uidmap
	slirp4netns slirp4netns
	fuse-overlayfs fuse-overlayfs
	conmon conmon
	/usr/lib/podman/netavark netavark
	busybox busybox-static
	prometheus prometheus
	prometheus-alertmanager prometheus-alertmanager
	qemu-system-x86_64 qemu-system-x86
	/sbin/mkfs.ext4 e2fsprogs
	/etc/libvirt/libvirtd.conf libvirt-daemon-system
	"/usr/lib/$(uname -m)-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so" libvirt-daemon-driver-qemu
	virsh libvirt-clients
	fio fio
	curl curl
	xz xz-utils # for the kernel's modules
	socat socat
	/lib/systemd/systemd systemd
	/usr/bin/python3 python3 # for cloud-init
	clang-14 clang-14
	llvm-strip-14 llvm-14
)
# Up to Debian 12 it comes with QEMU; later it is a package of its own.
[ -e /usr/lib/qemu/virtiofsd ] || wanted+=(/usr/libexec/virtiofsd virtiofsd)

# A kernel for the virtual machines of the tests and the modules that they load,
# unpacked and not installed: the one for all hardware, because the one for clouds
# has no 9p. A release may have some modules in the kernel.
kernel=/var/cache/virt_exporter/vmlinuz
modules=/var/cache/virt_exporter/modules
kernel_package=linux-image-amd64
modules_wanted=(
	virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci
	virtio_blk virtio_balloon failover net_failover virtio_net
	irqbypass rng-core ccp kvm kvm-amd
	fuse virtiofs netfs fscache 9pnet 9pnet_virtio 9p
	crc16 crc32c_generic libcrc32c mbcache jbd2 ext4
	overlay
	vsock vsock_loopback vmw_vsock_virtio_transport_common vmw_vsock_virtio_transport vhost_iotlb vhost vhost_vsock
)
# Says of what the files there were made: they are made anew when that changes.
kernel_made=/var/cache/virt_exporter/made
kernel_wanted="$kernel_package: ${modules_wanted[*]}"
have_kernel() {
	[ "$(dpkg --print-architecture)" = amd64 ] || return 0
	[ -e "$kernel" ] && [ -e "$modules" ] && [ "$(cat "$kernel_made" 2>/dev/null)" = "$kernel_wanted" ]
}
get_kernel() {
	local package dir
	package=$(apt-cache depends "$kernel_package" | awk '/Depends: linux-image/ {print $2; exit}')
	mkdir -p "$(dirname "$kernel")" || return 1
	dir=$(mktemp -d)
	chmod 755 "$dir"
	unpack_kernel "$package" "$dir"
	local result=$?
	rm -rf "$dir"
	return $result
}
unpack_kernel() { # errexit is off where its caller is part of a condition
	local package=$1 dir=$2 name file
	(cd "$dir" && apt-get download -q "$package" && dpkg -x ./*.deb tree) || return 1
	mkdir "$dir/modules" || return 1
	for name in "${modules_wanted[@]}"; do
		file=$(find "$dir/tree" -name "$name.ko" -o -name "$name.ko.*")
		case $file in
		*.xz) xz -dc "$file" >"$dir/modules/$name.ko" || return 1 ;;
		*.zst) zstd -qdc "$file" >"$dir/modules/$name.ko" || return 1 ;;
		*.ko) cp "$file" "$dir/modules/" || return 1 ;;
		esac
	done
	rm -rf "$kernel_made" "$modules" && cp -r "$dir/modules" "$modules" &&
		cp "$dir"/tree/boot/vmlinuz-* "$kernel" && echo "$kernel_wanted" >"$kernel_made"
}
# cloud-init with what it needs, unpacked and not installed: installed, it would set up
# this machine at its next boot.
cloud_init=/var/cache/virt_exporter/cloud-init
cloud_init_made=/var/cache/virt_exporter/cloud-init-made
cloud_init_wanted="cloud-init, compiled"
have_cloud_init() {
	[ -e "$cloud_init/usr/bin/cloud-init" ] && [ "$(cat "$cloud_init_made" 2>/dev/null)" = "$cloud_init_wanted" ]
}
get_cloud_init() {
	local dir
	mkdir -p "$(dirname "$cloud_init")" || return 1
	dir=$(mktemp -d)
	chmod 755 "$dir"
	unpack_cloud_init "$dir"
	local result=$?
	rm -rf "$dir"
	return $result
}
unpack_cloud_init() { # errexit is off where its caller is part of a condition
	local dir=$1 packages deb part
	packages=$(apt-get install -s -qq --no-install-recommends cloud-init | awk '/^Inst/ && $2 != "cloud-init" {print $2}')
	# shellcheck disable=SC2086 # one word for each package
	(cd "$dir" && apt-get download -q cloud-init $packages) || return 1
	for deb in "$dir"/*.deb; do dpkg -x "$deb" "$dir/tree" || return 1; done
	for part in bin sbin lib; do # links to those below usr where the tree is laid over
		[ ! -d "$dir/tree/$part" ] || { mkdir -p "$dir/tree/usr/$part" && cp -a "$dir/tree/$part/." "$dir/tree/usr/$part/" && rm -r "${dir:?}/tree/$part"; } || return 1
	done
	chmod 755 "$dir/tree"
	# As the packages do it when they are installed. What cannot be compiled here is compiled there.
	/usr/bin/python3 -m compileall -q -s "$dir/tree" "$dir/tree/usr/lib/python3/dist-packages" || :
	rm -rf "$cloud_init_made" "$cloud_init" && cp -a "$dir/tree" "$cloud_init" && echo "$cloud_init_wanted" >"$cloud_init_made"
}
missing=()
for ((i = 0; i < ${#wanted[@]}; i += 2)); do
	command -v "${wanted[i]}" >/dev/null || [ -e "${wanted[i]}" ] || missing+=("${wanted[i + 1]}")
done
if [ ${#missing[@]} = 0 ] && have_kernel && have_cloud_init; then
	echo "== all components are there"
	exit 0
fi
apt-get update -q -o DPkg::Lock::Timeout=120 || echo "== apt-get update failed: going on with the lists that are there"
packages=()
for package in "${missing[@]}"; do
	if apt-cache show "$package" >/dev/null 2>&1; then
		packages+=("$package")
	else
		echo "== this release has no package $package"
	fi
done

# Asked by every Debian package before it starts its service; 101 is "do not".
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi

install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
		-o DPkg::Lock::Timeout=120 "$@"
}

if [ ${#packages[@]} != 0 ]; then
	echo "== installing ${packages[*]}"
	if ! install "${packages[@]}"; then
		for package in "${packages[@]}"; do
			install "$package" || echo "== $package cannot be installed here"
		done
	fi
fi
have_kernel || get_kernel || echo "== no kernel can be had for the virtual machines"
have_cloud_init || get_cloud_init || echo "== cloud-init cannot be had"
