package identity

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// owner is a user in whose directories we read what they wrote. Whoever reads
// there as root must not be led by links to what is not theirs: the content
// would be told to all, and devices act on being opened.
type owner struct {
	uid  uint32
	dirs []string // the only ones that are read
}

// openOwned opens what is at path below a directory of the owner. The way from
// the root to that directory is root's to choose, the way from there on the
// owner's, and it must not leave the directory.
func (t tree) openOwned(path string, flags uint64) (*os.File, error) {
	for _, dir := range t.owner.dirs {
		below, ok := strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
		if !ok {
			continue
		}
		top, err := t.unowned().open(dir, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return nil, err
		}
		defer top.Close()
		fd, err := openBeneath(int(top.Fd()), below, flags)
		f, err := file(fd, path, err)
		if err != nil {
			return nil, err
		}
		return f, t.checkOwner(f)
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
}

// unowned returns the tree with the files of all.
func (t tree) unowned() tree {
	t.owner = nil
	return t
}

// errNotOwned is what opening somebody else's file in a user's home ends in. It
// is no lack of permission: asking as root does not help.
var errNotOwned = errors.New("owned by another user")

// checkOwner closes f unless it is the owner's, root's or our own: the last two
// put no secrets into other people's homes. In a guest's tree all is the
// guest's, and the numbers of users are other ones inside.
func (t tree) checkOwner(f *os.File) error {
	if t.tenant {
		return nil
	}
	info, err := f.Stat()
	if err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && (st.Uid == t.owner.uid || st.Uid == 0 || int(st.Uid) == os.Geteuid()) {
			return nil
		}
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: errNotOwned}
	}
	f.Close()
	return err
}

// openBeneath opens what is at path below a directory. Symbolic links may lead
// to what is below it too; absolute ones may not.
func openBeneath(dir int, path string, flags uint64) (int, error) {
	fd, err := openat2(dir, path, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_MAGICLINKS)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // the latter of old filters of system calls
		return openWalking(dir, path, flags)
	}
	return fd, err
}

// openWalking is openBeneath for kernels without openat2(2). It follows no
// symbolic links at all.
func openWalking(dir int, path string, flags uint64) (int, error) {
	const step = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	at := dir
	for {
		name, rest, more := strings.Cut(path, "/")
		if name == ".." {
			closeBut(dir, at)
			return -1, unix.EXDEV
		}
		how := step
		if !more {
			how = int(flags) | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		fd, err := unix.Openat(at, name, how, 0)
		closeBut(dir, at)
		if err != nil || !more {
			return fd, err
		}
		at, path = fd, rest
	}
}

// closeBut closes fd if it is not the one to keep.
func closeBut(keep, fd int) {
	if fd != keep {
		_ = unix.Close(fd)
	}
}
