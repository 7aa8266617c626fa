package identity

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// How much of a file and of a directory is read: of the host's, of those of a
// user's home, of those of a guest. Docker's and CRI's files are some ten
// kilobytes; Podman's list of containers is a kilobyte for each. The last two
// are written by strangers, who may be many, and take our memory.
const (
	maxFile       = 4 << 20
	maxHomeFile   = 1 << 20
	maxTenantFile = 256 << 10

	maxNames       = 1 << 16
	maxTenantNames = 1 << 12
)

// errNotRegular is what opening a FIFO, a device or a directory as a file ends
// in: they can block, or act on being opened.
var errNotRegular = errors.New("not a regular file")

// tree is a directory whose files are read as if it were the root. Symbolic
// links in it, absolute ones too, lead nowhere out of it.
type tree struct {
	root   string
	tenant bool   // it is a guest's
	owner  *owner // if not nil, what a user owns is read, and nothing else
}

// plain reports whether the tree is this machine's own root, where the kernel
// resolves paths as they are.
func (t tree) plain() bool { return t.root == "/" }

func (t tree) maxFile() int {
	switch {
	case t.tenant:
		return maxTenantFile
	case t.owner != nil:
		return maxHomeFile
	}
	return maxFile
}

func (t tree) maxNames() int {
	if t.tenant || t.owner != nil {
		return maxTenantNames
	}
	return maxNames
}

// open opens what is at path below the tree. openat2(2) came with Linux 5.6; on
// an older kernel nothing is found in a tree that is not the root itself.
func (t tree) open(path string, flags uint64) (*os.File, error) {
	if t.owner != nil {
		return t.openOwned(path, flags)
	}
	if t.plain() {
		fd, err := unix.Open(path, int(flags)|unix.O_CLOEXEC, 0)
		return file(fd, path, err)
	}
	dir, err := unix.Open(t.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: t.root, Err: err}
	}
	defer unix.Close(dir)
	// "./" for the root itself.
	fd, err := openat2(dir, "./"+path, flags, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
	if errors.Is(err, unix.ENOSYS) {
		err = unix.ENOENT
	}
	return file(fd, path, err)
}

func openat2(dir int, path string, flags, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	fd, err := unix.Openat2(dir, path, &how)
	for try := 0; try < 8 && errors.Is(err, unix.EAGAIN); try++ { // something was renamed on the way
		fd, err = unix.Openat2(dir, path, &how)
	}
	return fd, err
}

func file(fd int, path string, err error) (*os.File, error) {
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// names lists the directory at path, up to the tree's limit.
func (t tree) names(path string) ([]string, error) {
	f, err := t.open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(t.maxNames())
	if errors.Is(err, io.EOF) { // it is empty
		err = nil
	}
	return names, err
}

// stat describes what is at path, links followed.
func (t tree) stat(path string) (fs.FileInfo, error) { return t.info(path, unix.O_PATH) }

// lstat describes what is at path, be it a link that leads nowhere.
func (t tree) lstat(path string) (fs.FileInfo, error) {
	return t.info(path, unix.O_PATH|unix.O_NOFOLLOW)
}

func (t tree) info(path string, flags uint64) (fs.FileInfo, error) {
	f, err := t.open(path, flags)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// readlink returns where the symbolic link at path points.
func (t tree) readlink(path string) (string, error) {
	f, err := t.open(path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", b)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	return string(b[:n]), nil
}
