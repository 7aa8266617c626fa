package kernel

import (
	"errors"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pageSafe is how many bytes a single read may return and still be the whole
// of a kernel file: seq_file ends a read where the next record does not fit
// into its page, and no record that is read here is longer than the rest.
const pageSafe = 3 << 10

// File is one kernel file that is read again and again. The zero value is
// closed. A File that is kept open names the object it was opened for: when a
// cgroup or a thread goes and another takes its path or its number, reading
// says so with ENODEV or ESRCH.
type File struct {
	fd int32 // descriptor + 1, so that the zero value is closed
}

// Files reads kernel files with raw system calls into one buffer, and keeps
// those open that the caller asks for as long as their number allows: opening
// costs twice what reading does. It is not for concurrent use.
type Files struct {
	limit, open int
	path, tid   []byte
	buf         []byte
	statx       unix.Statx_t
}

// NewFiles returns a reader that keeps at most limit files open.
func NewFiles(limit int) *Files {
	return &Files{limit: limit, path: make([]byte, 0, 512), buf: make([]byte, 64<<10)}
}

// Open returns the number of files that are kept open.
func (r *Files) Open() int { return r.open }

// Read returns the whole of the file root+dir/name, which f keeps open for the
// next time if the limit allows. Three parts, so that nobody has to join them. The bytes are valid until the next call. The error
// is a plain errno: see Gone and Denied.
func (r *Files) Read(f *File, root, dir, name string) ([]byte, error) {
	if f.fd != 0 {
		return r.readOpen(f)
	}
	r.join(root, dir, name)
	return r.readNew(f)
}

// readNew opens the file at r.path and keeps it open if the limit allows.
func (r *Files) readNew(f *File) ([]byte, error) {
	fd, err := r.openPath()
	if err != nil {
		return nil, err
	}
	b, err := r.readAll(fd)
	if err == nil && r.open < r.limit {
		f.fd = int32(fd) + 1
		r.open++
		return b, nil
	}
	_ = unix.Close(fd)
	return b, err
}

// ReadTask is Read for the file name of thread tid below procfs. The kernel
// answers for the number of any thread there, although it lists only leaders.
func (r *Files) ReadTask(f *File, procfs string, tid int32, name string) ([]byte, error) {
	if f.fd != 0 {
		return r.readOpen(f)
	}
	r.joinTask(procfs, tid, name)
	return r.readNew(f)
}

// ReadTaskOnce is ReadTask without keeping the file open.
func (r *Files) ReadTaskOnce(procfs string, tid int32, name string) ([]byte, error) {
	r.joinTask(procfs, tid, name)
	return r.readPath()
}

func (r *Files) joinTask(procfs string, tid int32, name string) {
	r.tid = strconv.AppendInt(r.tid[:0], int64(tid), 10)
	r.path = append(append(append(append(append(r.path[:0], procfs...), '/'), r.tid...), '/'), name...)
}

// ReadOnce returns the whole of the file root+dir/name and keeps nothing open.
func (r *Files) ReadOnce(root, dir, name string) ([]byte, error) {
	r.join(root, dir, name)
	return r.readPath()
}

func (r *Files) readPath() ([]byte, error) {
	fd, err := r.openPath()
	if err != nil {
		return nil, err
	}
	b, err := r.readAll(fd)
	_ = unix.Close(fd)
	return b, err
}

// Close closes f if it is open.
func (r *Files) Close(f *File) {
	if f.fd == 0 {
		return
	}
	_ = unix.Close(int(f.fd) - 1)
	f.fd = 0
	r.open--
}

func (r *Files) readOpen(f *File) ([]byte, error) {
	b, err := r.readAll(int(f.fd) - 1)
	if err != nil {
		r.Close(f)
	}
	return b, err
}

func (r *Files) join(root, dir, name string) {
	r.path = append(append(append(append(r.path[:0], root...), dir...), '/'), name...)
}

// openPath opens the file at r.path without the allocations of os.Open, which also would
// register the file with the network poller. O_NONBLOCK keeps a FIFO that
// somebody put in a file's place from hanging the reading.
func (r *Files) openPath() (int, error) {
	r.path = append(r.path, 0)
	cwd := unix.AT_FDCWD // negative: not a constant of type uintptr
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(cwd), uintptr(unsafe.Pointer(&r.path[0])),
			unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// readAll reads from the start to the end. Most kernel files come whole with
// the first read and cost one system call.
func (r *Files) readAll(fd int) ([]byte, error) {
	n := 0
	for {
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
		m, err := unix.Pread(fd, r.buf[n:], int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		}
		n += m
		if m == 0 || n < pageSafe {
			return r.buf[:n], nil
		}
	}
}

// Gone reports whether err says that what was read has ceased to exist: the
// cgroup was removed or the thread has exited.
func Gone(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && (errno == unix.ENOENT || errno == unix.ENODEV || errno == unix.ESRCH || errno == unix.ENOTDIR)
}

// Unsupported reports whether err says that the kernel has this file but not
// what it would show, as PSI's do when it is switched off.
func Unsupported(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP)
}

// Denied reports whether err says that reading needs privileges.
func Denied(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
}
