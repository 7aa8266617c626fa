package probe

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// retries bounds how often a system call that was interrupted, or met a rename,
// is made again.
const retries = 16

// again makes a system call until it is not interrupted.
func again(call func() error) unix.Errno {
	for n := 0; ; n++ {
		err := call()
		var errno unix.Errno
		switch {
		case err == nil:
			return 0
		case !errors.As(err, &errno):
			return unix.EIO
		case n == retries || errno != unix.EINTR && errno != unix.EAGAIN:
			return errno
		}
	}
}

func open(p string, flags int) (fd int, errno unix.Errno) {
	return openAt(unix.AT_FDCWD, p, flags)
}

func openAt(dir int, p string, flags int) (fd int, errno unix.Errno) {
	errno = again(func() (err error) {
		fd, err = unix.Openat(dir, p, flags|unix.O_CLOEXEC, 0o600)
		return err
	})
	return fd, errno
}

// resolve opens, with O_PATH, what an absolute path leads to below root. Symbolic
// links are followed only where that is asked for, and never out of root. Nothing
// is mounted at the path's end.
func resolve(root int, p string, follow bool) (fd int, errno unix.Errno) {
	p = strings.TrimPrefix(p, "/")
	if p == "" {
		p = "."
	}
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	if !follow {
		how.Resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	errno = again(func() (err error) {
		fd, err = unix.Openat2(root, p, &how)
		return err
	})
	if errno == unix.ENOSYS || errno == unix.EPERM { // before Linux 5.6, or an old filter of system calls
		return resolveSteps(root, p)
	}
	return fd, errno
}

// resolveSteps is resolve without symbolic links, one name after the other. The
// path has no dots, so that it does not leave root.
func resolveSteps(root int, p string) (fd int, errno unix.Errno) {
	at := root
	for rest, more := p, true; more; {
		var step string
		step, rest, more = strings.Cut(rest, "/")
		fd, errno = openAt(at, step, unix.O_PATH|unix.O_NOFOLLOW)
		if at != root {
			_ = unix.Close(at)
		}
		if errno != 0 {
			return -1, errno
		}
		id, errno := identify(fd, "")
		if errno == 0 && id.mode&unix.S_IFMT == unix.S_IFLNK {
			errno = unix.ELOOP
		}
		if errno != 0 {
			_ = unix.Close(fd)
			return -1, errno
		}
		at = fd
	}
	return at, 0
}

// resolveOnMount is resolve for a path that must be on the mount that is probed.
func (c *cycle) resolveOnMount(p string) (fd int, id identity, f *failure) {
	fd, errno := resolve(c.root, p, false)
	if errno != 0 {
		return -1, id, failed(errno, "open %s", p)
	}
	c.keep(fd)
	if id, errno = identify(fd, ""); errno != 0 {
		return -1, id, failed(errno, "open %s", p)
	}
	if !id.sameMount(c.id) {
		return -1, id, refused(model.SkipNotSupported, "%s is not on the mount at %s", p, c.req.Path)
	}
	return fd, id, nil
}
