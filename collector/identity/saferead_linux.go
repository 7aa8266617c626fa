package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ownFDs holds a link to each file that this process has open.
const ownFDs = "/proc/self/fd"

// regular opens the regular file at path for reading. Strangers may have put a
// device there, or a link to one, which must not even be opened: the file is
// looked at first, and what was looked at is then opened.
func (t tree) regular(path string) (*os.File, fs.FileInfo, error) {
	looked, err := t.open(path, unix.O_PATH)
	if err != nil {
		return nil, nil, err
	}
	defer looked.Close()
	info, err := looked.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	f, err := t.reopen(looked, info, ownFDs)
	return f, info, err
}

// reopen opens for reading the regular file that was looked at. Where procfs is
// not mounted at /proc that takes another walk along its path, which is done
// only where no stranger can put a device there in the meantime.
func (t tree) reopen(looked *os.File, info fs.FileInfo, fds string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	path := looked.Name()
	fd, err := unix.Open(fmt.Sprintf("%s/%d", fds, looked.Fd()), flags|unix.O_CLOEXEC, 0)
	f, err := file(fd, path, err)
	if errors.Is(err, fs.ErrNotExist) && !t.tenant && t.owner == nil {
		f, err = t.open(path, flags)
	}
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist} // another time
	}
	return f, nil
}

// read returns what the regular file at path holds, up to the tree's limit.
func (t tree) read(path string) ([]byte, error) {
	f, info, err := t.regular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, info.Size(), t.maxFile())
}

func readAll(f *os.File, size int64, limit int) ([]byte, error) {
	b := make([]byte, 0, min(max(size, 0), int64(limit))+1)
	for len(b) < limit {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.Read(b[len(b):min(cap(b), limit)])
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
