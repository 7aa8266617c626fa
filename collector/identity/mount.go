package identity

import (
	"cmp"
	"strings"
)

// MountFacts is what a line of /proc/PID/mountinfo says of a mount, with the
// escapes of all fields but SuperOptions undone.
type MountFacts struct {
	FSType, Source, Root, Mountpoint, SuperOptions string
}

// Passthrough is how files of somewhere else come to where a mount is. Strings
// are labels' values: valid UTF-8, and at most 3 KiB long.
type Passthrough struct {
	// Kind is the label passthrough: virtiofs, 9p, wsl, lima, vboxsf, vmhgfs,
	// prl_fs, docker-desktop, overlay, fuse, nfs, bind, kubernetes, incus or kata.
	Kind string

	FSType string
	Source string // may be empty
	Tag    string // by which the host gives a directory to its guest; empty where there is none

	// Options are of cache, msize, trans, dax, version and access those that the
	// kernel shows, in its order. Of 9p it shows msize and version only where
	// they are not its defaults, and cache in one of three ways: as "mmap", which
	// stands here as cache=mmap, in hexadecimal digits, and as 0x and such digits.
	Options string
}

// What passes files through.
const (
	kindVirtiofs      = "virtiofs"
	kind9P            = "9p"
	kindWSL           = "wsl"
	kindLima          = "lima"
	kindVirtualBox    = "vboxsf"
	kindVMware        = "vmhgfs"
	kindParallels     = "prl_fs"
	kindDockerDesktop = "docker-desktop"
	kindOverlay       = "overlay"
	kindFUSE          = "fuse"
	kindNFS           = "nfs"
	kindBind          = "bind"
	kindKubernetes    = "kubernetes"
	kindIncus         = "incus"
	kindKata          = "kata"
)

// PassthroughFromMount says what a mount passes through. ok is false for
// ordinary file systems, for FUSE that serves what is local or nobody's files,
// for autofs, which must not be touched, and for remote file systems other than
// NFS: those are probed for who names them.
//
// A bind mount in a container looks like the file system that it is of: see
// BindFromMount.
func PassthroughFromMount(m MountFacts) (p Passthrough, ok bool) {
	kind := kindOfMount(m)
	if kind == "" || inKernelTree(m.Mountpoint) {
		return Passthrough{}, false
	}
	return describe(m, kind), true
}

// AnyMount is PassthroughFromMount for a mount that the operator names, and so
// knows every one. Where nothing else is known Kind is the file system's type.
func AnyMount(m MountFacts) Passthrough {
	kind := kindOfMount(m)
	switch {
	case kind != "":
	case kubeletVolume(m.Root) != "" || kubeletVolume(m.Mountpoint) != "":
		kind = kindKubernetes
	case IsLocal(m.FSType) && m.Root != "/":
		kind = kindBind
	default:
		kind = keep(m.FSType)
	}
	return describe(m, kind)
}

func describe(m MountFacts, kind string) Passthrough {
	return Passthrough{Kind: kind, FSType: keep(m.FSType), Source: keepPath(m.Source), Tag: tagOfMount(m), Options: mountOptions(m)}
}

func kindOfMount(m MountFacts) string {
	switch m.FSType {
	case "9p":
		return kindOf9P(m)
	case "drvfs":
		return kindWSL
	case "vboxsf":
		return kindVirtualBox
	case "vmhgfs", "fuse.vmhgfs-fuse":
		return kindVMware
	case "prl_fs", "fuse.prl_fsd":
		return kindParallels
	case "fakeowner", "grpcfuse", "osxfs", "fuse.grpcfuse", "fuse.osxfs":
		return kindDockerDesktop
	case "overlay", "fuse.fuse-overlayfs":
		return kindOverlay
	case "nfs", "nfs4":
		return kindNFS
	case "autofs":
		return ""
	}
	switch {
	case isVirtiofs(m.FSType):
		return kindOfVirtiofs(m)
	case isFUSE(m.FSType):
		return kindOfFUSE(m)
	case m.Root == "/" && !IsMemory(m.FSType) && kubeletVolume(m.Mountpoint) != "":
		return kindKubernetes // a volume's own file system, on the node
	}
	return ""
}

// isVirtiofs knows the subtype that Docker Desktop gives as well.
func isVirtiofs(fstype string) bool {
	return fstype == "virtiofs" || strings.HasPrefix(fstype, "virtiofs.")
}

func kindOfVirtiofs(m MountFacts) string {
	switch {
	case m.FSType == "virtiofs.virtiofs0" || m.Source == "virtiofs0":
		return kindDockerDesktop
	case isDrvFS(m.Source):
		return kindWSL
	}
	return cmp.Or(kindByTag(m.Source), kindVirtiofs)
}

func kindOf9P(m MountFacts) string {
	if isDrvFS(m.Source) {
		return kindWSL
	}
	for option := range strings.SplitSeq(m.SuperOptions, ",") {
		// drvfs for the drives of Windows, drivers for what it gives besides.
		if name, ok := strings.CutPrefix(option, "aname="); ok && (strings.HasPrefix(name, "drvfs") || strings.HasPrefix(name, "drivers")) {
			return kindWSL
		}
	}
	return cmp.Or(kindByTag(m.Source), kind9P)
}

// kindByTag knows who chooses such tags: Kata, Incus and LXD, and Lima (mount0
// and, from 2.0, lima- with 16 hex digits).
func kindByTag(tag string) string {
	number, isMount := strings.CutPrefix(tag, "mount")
	hash, isLima := strings.CutPrefix(tag, "lima-")
	switch {
	case tag == "kataShared":
		return kindKata
	case strings.HasPrefix(tag, "incus_"), strings.HasPrefix(tag, "lxd_"):
		return kindIncus
	case isMount && digits(number), isLima && len(hash) == 16 && lowerHex(hash):
		return kindLima
	}
	return ""
}

// isDrvFS knows the sources of the drives of Windows in WSL: C:\ or C: for 9p,
// drvfs or drvfsa (of an administrator) for both, and with virtiofs drvfsC0.
func isDrvFS(source string) bool {
	if strings.HasPrefix(source, "drvfs") {
		return true
	}
	if len(source) < 2 || source[1] != ':' || len(source) > 2 && source[2] != '\\' {
		return false
	}
	c := source[0] | 0x20
	return c >= 'a' && c <= 'z'
}

func isFUSE(fstype string) bool { return fstype == "fuse" || strings.HasPrefix(fstype, "fuse.") }

// kindOfFUSE leaves out the programs that pass no directory through: views of
// /proc, of archives and images, of desktops and of devices.
func kindOfFUSE(m MountFacts) string {
	program := strings.TrimPrefix(strings.TrimPrefix(m.FSType, "fuse"), ".")
	if program == "" {
		program = m.Source
	}
	switch program {
	case "lxcfs", "libvirt", "snapfuse", "squashfuse", "squashfuse_ll", "erofsfuse", "fuseiso", "archivemount", "fuse-archive",
		"gvfsd-fuse", "gvfs-fuse-daemon", "kio-fuse", "portal", "xdg-document-portal", "revokefs-fuse", "/dev/fuse", "vmware-vmblock",
		"xrdp-chansrv", "ntfs", "ntfs-3g", "exfat", "ext4fuse", "fuse-ext2", "jmtpfs", "simple-mtpfs", "ifuse":
		return ""
	case "sshfs":
		if strings.HasPrefix(m.Source, ":/") { // the host serves, through the guest's own SSH
			return kindLima
		}
	}
	if strings.HasSuffix(program, ".AppImage") {
		return ""
	}
	return kindFUSE
}

// tagOfMount returns the tag under which the host gives what virtio carries.
func tagOfMount(m MountFacts) string {
	switch {
	case m.Source == "none":
	case isVirtiofs(m.FSType), m.FSType == "9p" && hasOption(m.SuperOptions, "trans=virtio"):
		return keep(m.Source)
	}
	return ""
}

func hasOption(options, want string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == want {
			return true
		}
	}
	return false
}

// maxOption is the length of an option's value. What is longer is no setting.
const maxOption = 64

// mountOptions picks the settings that bear on speed, each once.
func mountOptions(m MountFacts) string {
	keys := [...]string{"cache", "msize", "trans", "dax", "version", "access"}
	var given [len(keys)]bool
	var kept []string
	for option := range strings.SplitSeq(m.SuperOptions, ",") {
		if m.FSType == "9p" {
			switch option {
			case "loose", "fscache", "mmap", "readahead": // before Linux 6.4
				option = "cache=" + option
			}
		}
		key, value, hasValue := strings.Cut(option, "=")
		for i, k := range keys {
			if k != key || given[i] || len(value) > maxOption || (value == "") != (key == "dax" && !hasValue) {
				continue
			}
			given[i] = true
			kept = append(kept, option)
		}
	}
	return valid(strings.Join(kept, ","))
}
