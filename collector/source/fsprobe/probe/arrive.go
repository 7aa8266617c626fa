package probe

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// arrive opens the mount, unless it is not the one that was asked for.
func (c *cycle) arrive() *failure {
	root := c.req.Root
	if root == "" {
		root = "/"
	}
	// Follows the link that /proc/PID/root is. O_DIRECTORY is right here, and
	// nowhere else: on a mountpoint it would mount what autofs has for it.
	fd, errno := open(root, unix.O_PATH|unix.O_DIRECTORY)
	if errno != 0 {
		return arrivalFailed(errno, root)
	}
	c.root = c.keep(fd)
	if fd, errno = resolve(c.root, c.req.Path, c.req.Follow); errno != 0 {
		return arrivalFailed(errno, c.req.Path)
	}
	c.keep(fd)
	if c.id, errno = identify(fd, ""); errno != 0 {
		return arrivalFailed(errno, c.req.Path)
	}
	if f := c.recognize(fd); f != nil {
		return f
	}
	if !c.id.directory() {
		return refused(model.SkipNotSupported, "%s is not a directory", c.req.Path)
	}
	c.mount = &side{dir: fd}
	return nil
}

// recognize says why fd is not what was to be probed.
func (c *cycle) recognize(fd int) *failure {
	want := &c.req.Target
	switch {
	case want.MountID == 0:
	case c.id.hasMount && c.id.mount == want.MountID:
		return nil
	case !c.id.hasMount && c.id.device == want.Device:
	default:
		parent, errno := identify(fd, "..")
		if errno == 0 && c.id.sameMount(parent) && c.req.Path != "/" {
			return refused(model.SkipVanished, "%s: nothing is mounted there", want.Path)
		}
		return refused(model.SkipReplaced, "%s: another mount, %s", want.Path, c.id)
	}
	// What is mounted only when it is used is left alone.
	const autofs = 0x0187
	if errno := c.statFileSystem(fd); errno != 0 {
		return arrivalFailed(errno, want.Path)
	}
	if int64(c.statFS.Type) == autofs {
		return refused(model.SkipVanished, "%s: an automount without a mount", want.Path)
	}
	return nil
}

// arrivalFailed is failed for the mount itself: ESTALE says that a server has
// forgotten what is still mounted.
func arrivalFailed(errno unix.Errno, path string) *failure {
	f := failed(errno, "open %s", path)
	if errno == unix.ESTALE {
		f.reason = model.SkipError
	}
	return f
}

// identity is what a file is told from others by.
type identity struct {
	mount    uint64 // as in mountinfo
	hasMount bool   // false before Linux 5.8
	device   string // MAJOR:MINOR of the file, which for some file systems is not that of the mount
	mode     uint32
	size     int64
}

func (id identity) String() string {
	if id.hasMount {
		return fmt.Sprintf("id %d on device %s", id.mount, id.device)
	}
	return "on device " + id.device
}

func (id identity) directory() bool { return id.mode&unix.S_IFMT == unix.S_IFDIR }
func (id identity) regular() bool   { return id.mode&unix.S_IFMT == unix.S_IFREG }

// sameMount reports whether both are on one mount, or where the kernel does not
// tell, on one device.
func (id identity) sameMount(other identity) bool {
	if id.hasMount && other.hasMount {
		return id.mount == other.mount
	}
	return id.device == other.device
}

// identify takes what the kernel knows without asking a server, of fd itself for
// an empty name.
func identify(fd int, name string) (identity, unix.Errno) {
	const flags = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC | unix.AT_SYMLINK_NOFOLLOW
	var x unix.Statx_t
	errno := again(func() error { return unix.Statx(fd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &x) })
	switch errno {
	case 0:
		return identity{
			mount: x.Mnt_id, hasMount: x.Mask&unix.STATX_MNT_ID != 0,
			device: fmt.Sprintf("%d:%d", x.Dev_major, x.Dev_minor),
			mode:   uint32(x.Mode), size: int64(min(x.Size, 1<<62)),
		}, 0
	case unix.ENOSYS, unix.EPERM: // an old kernel, or an old filter of system calls
	default:
		return identity{}, errno
	}
	var st unix.Stat_t
	errno = again(func() error { return unix.Fstatat(fd, name, &st, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW) })
	if errno != 0 {
		return identity{}, errno
	}
	dev := uint64(st.Dev)
	return identity{
		device: fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)),
		mode:   st.Mode, size: st.Size,
	}, 0
}
