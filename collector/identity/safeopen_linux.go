package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxFile is how much of a file is read. Docker's and CRI's files are some ten
// kilobytes; Podman's list of containers is a kilobyte for each.
const maxFile = 4 << 20

// errNotRegular is what opening a FIFO, a device or a directory as a file ends
// in: they can block, or act on being opened.
var errNotRegular = errors.New("not a regular file")

// tree is a directory whose files are read as if it were the root. Symbolic
// links in it, absolute ones too, lead nowhere out of it.
type tree string

// plain reports whether the tree is this machine's own root, where the kernel
// resolves paths as they are.
func (t tree) plain() bool { return t == "/" }

// open opens what is at path below the tree. openat2(2) came with Linux 5.6; on
// an older kernel nothing is found in a tree that is not the root itself.
func (t tree) open(path string, flags uint64) (*os.File, error) {
	if t.plain() {
		fd, err := unix.Open(path, int(flags)|unix.O_CLOEXEC, 0)
		return file(fd, path, err)
	}
	dir, err := unix.Open(string(t), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: string(t), Err: err}
	}
	defer unix.Close(dir)
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	below := "./" + path // the root itself too
	fd, err := unix.Openat2(dir, below, &how)
	for try := 0; try < 8 && errors.Is(err, unix.EAGAIN); try++ { // something was renamed on the way
		fd, err = unix.Openat2(dir, below, &how)
	}
	if errors.Is(err, unix.ENOSYS) {
		err = unix.ENOENT
	}
	return file(fd, path, err)
}

func file(fd int, path string, err error) (*os.File, error) {
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// regular opens the regular file at path for reading. Whoever owns another
// tree may have put a device there, which must not even be opened: there the
// file is looked at first, and what was looked at is then opened.
func (t tree) regular(path string) (*os.File, fs.FileInfo, error) {
	flags := uint64(unix.O_RDONLY | unix.O_NONBLOCK)
	if !t.plain() {
		flags = unix.O_PATH
	}
	f, err := t.open(path, flags)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	case t.plain():
		return f, info, nil
	default:
		defer f.Close()
		r, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|unix.O_NONBLOCK, 0)
		return r, info, err
	}
	f.Close()
	return nil, nil, err
}

// read returns what the regular file at path holds, up to maxFile.
func (t tree) read(path string) ([]byte, error) {
	f, info, err := t.regular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, info.Size())
}

func readAll(f *os.File, size int64) ([]byte, error) {
	b := make([]byte, 0, min(max(size, 0), maxFile)+1)
	for len(b) < maxFile {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.Read(b[len(b):min(cap(b), maxFile)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
	}
	return b, nil
}

// names lists the directory at path.
func (t tree) names(path string) ([]string, error) {
	f, err := t.open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
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
