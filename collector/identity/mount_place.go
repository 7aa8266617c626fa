package identity

import "strings"

// IsLocal reports whether a file system of that type is for a disk of the
// machine itself, and is one that people keep files on.
func IsLocal(fstype string) bool {
	switch fstype {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs", "nilfs2", "reiserfs", "ntfs3", "ubifs":
		return true
	}
	return false
}

// IsMemory reports whether a file system of that type keeps its files in memory.
func IsMemory(fstype string) bool {
	switch fstype {
	case "tmpfs", "ramfs", "rootfs":
		return true
	}
	return false
}

// BindFromMount says of a mount in a container whether it is a directory of the
// host's own file system. It cannot tell a directory from a file. Callers ask
// only where they know to be in a container: on a machine such a mount is a
// matter of taste.
func BindFromMount(m MountFacts) (p Passthrough, ok bool) {
	if !IsLocal(m.FSType) || m.Root == "/" || m.Mountpoint == "/" || strings.HasSuffix(m.Root, "//deleted") || IsEngineFile(m.Mountpoint) {
		return Passthrough{}, false
	}
	switch kubeletVolume(m.Root) {
	case "":
		return describe(m, kindBind), true
	case "configmap", "secret", "projected", "downward-api": // few bytes, which nobody waits for
		return Passthrough{}, false
	}
	return describe(m, kindKubernetes), true
}

// IsEngineFile reports whether a mountpoint is one that engines make in every
// container, most of them single files, or lies in a tree of the kernel's.
func IsEngineFile(mountpoint string) bool {
	switch mountpoint {
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/etc/machine-id", "/etc/localtime", "/etc/timezone",
		"/etc/passwd", "/etc/group", "/run/.containerenv", "/.dockerenv":
		return true
	}
	return inKernelTree(mountpoint) || within(mountpoint, "/run/secrets") || within(mountpoint, "/var/run/secrets")
}

func inKernelTree(path string) bool {
	return within(path, "/proc") || within(path, "/sys") || within(path, "/dev")
}

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// kubeletVolume returns the type of the pod's volume that a path is of: NFS's
// for …/pods/UID/volumes/kubernetes.io~nfs/NAME, and "subpath" for a part of
// one. It is empty for other paths. The kubelet's directory is /var/lib/kubelet
// for most, and may be a file system of its own.
func kubeletVolume(path string) string {
	for rest := path; ; {
		var ok bool
		if _, rest, ok = strings.Cut(rest, "/pods/"); !ok {
			return ""
		}
		if kind := podVolume(rest); kind != "" {
			return kind
		}
	}
}

// podVolume reads UID/volumes/PLUGIN~TYPE/NAME and UID/volume-subpaths/NAME.
func podVolume(path string) string {
	uid, rest, _ := strings.Cut(path, "/")
	dir, rest, _ := strings.Cut(rest, "/")
	if rest == "" || podUID("pod"+uid) == "" {
		return ""
	}
	switch dir {
	case "volume-subpaths":
		return "subpath"
	case "volumes":
		plugin, volume, _ := strings.Cut(rest, "/")
		if _, kind, ok := strings.Cut(plugin, "~"); ok && volume != "" {
			return kind
		}
	}
	return ""
}

// IsContainerRoot reports whether a mount is the root file system of a container
// as engines build it of layers, seen from inside or from the engine's machine.
func IsContainerRoot(m MountFacts) bool {
	switch {
	case m.FSType == "overlay", m.FSType == "fuse.fuse-overlayfs":
		return m.Mountpoint == "/" || inEngineTree(m.Mountpoint)
	case isFUSE(m.FSType): // layers that are fetched when they are read
		return inEngineTree(m.Mountpoint)
	}
	return false
}

// inEngineTree knows the directories below which engines mount what containers
// run on, for whatever their own directory is called.
func inEngineTree(path string) bool {
	for _, tree := range [...]string{
		"/var/lib/docker/overlay2", "/var/lib/docker/rootfs", "/var/lib/docker/buildkit", "/var/lib/docker/containerd", "/var/lib/containerd",
		"/run/containerd", "/var/lib/containers/storage/overlay", "/run/containers", "/var/lib/lxc", "/var/lib/lxd", "/var/lib/incus",
		"/var/snap/lxd", "/var/lib/machines", "/var/lib/buildkit", "/run/kata-containers",
	} {
		if within(path, tree) {
			return true
		}
	}
	// …/overlay2/ID/merged, …/overlay/ID/merged and …/containerd/…/rootfs or …/snapshots/N/fs
	last := baseName(path)
	dir := strings.TrimSuffix(path, "/"+last)
	switch last {
	case "merged":
		driver := dirName(dir)
		return driver == "overlay2" || driver == "overlay"
	case "rootfs", "fs":
		return strings.Contains(dir, "/io.containerd.") || strings.Contains(dir, "/snapshotter/")
	}
	driver := dirName(path)
	return driver == "overlayfs" && hexID(last) // Docker's with containerd's image store
}
