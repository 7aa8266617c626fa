package probe

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// block is how much is read and written at once. Buffer, offset and length must
// be a multiple of the device's block for O_DIRECT.
const block = 4096

// bufferSize is enough for every operation.
const bufferSize = 64 << 10

// kernel makes the system calls that are timed: without telling the scheduler,
// which would take part in the latency of those that are short, and into memory
// that is there. While one lasts, the program does nothing else.
type kernel struct {
	buf    []byte // starts at a page
	stat   unix.Statx_t
	statFS unix.Statfs_t
	usage  unix.Rusage
	empty  [1]byte // the empty path
}

func (k *kernel) mapBuffer() (err error) {
	k.buf, err = unix.Mmap(-1, 0, bufferSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
	return err
}

func (k *kernel) unmapBuffer() { _ = unix.Munmap(k.buf) }

// statRoot asks the server for the attributes of what dir is.
func (k *kernel) statRoot(dir int) unix.Errno {
	return k.statx(dir, &k.empty[0], unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC|unix.AT_NO_AUTOMOUNT)
}

// lookup asks for the attributes of a name in dir.
func (k *kernel) lookup(dir int, n *name) unix.Errno {
	return k.statx(dir, &n[0], unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
}

func (k *kernel) statx(dir int, path *byte, flags int) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(path)), uintptr(flags),
		unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&k.stat)), 0)
	return errno
}

// read reads a block at the file's offset.
func (k *kernel) read(fd int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&k.buf[0])), block)
	return int(n), errno
}

// list reads entries of a directory into at most size bytes.
func (k *kernel) list(fd, size int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(&k.buf[0])), uintptr(size))
	return int(n), errno
}

// create makes a file.
func (k *kernel) create(dir int, n *name) (int, unix.Errno) {
	const flags = unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&n[0])), flags, 0o600, 0, 0)
	return int(fd), errno
}

// write writes a block and waits until it would outlast a crash.
func (k *kernel) write(fd int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&k.buf[0])), block)
	if errno != 0 || n < block {
		return int(n), errno
	}
	_, _, errno = unix.RawSyscall(unix.SYS_FDATASYNC, uintptr(fd), 0, 0)
	return int(n), errno
}

func (k *kernel) rename(dir int, from, to *name) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_RENAMEAT2, uintptr(dir), uintptr(unsafe.Pointer(&from[0])),
		uintptr(dir), uintptr(unsafe.Pointer(&to[0])), 0, 0)
	return errno
}

func (k *kernel) unlink(dir int, n *name) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_UNLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&n[0])), 0)
	return errno
}

// switches returns how often this thread had to leave the CPU to another.
func (k *kernel) switches() int64 {
	const thisThread = unix.RUSAGE_THREAD
	_, _, errno := unix.RawSyscall(unix.SYS_GETRUSAGE, thisThread, uintptr(unsafe.Pointer(&k.usage)), 0)
	if errno != 0 {
		return 0
	}
	return int64(k.usage.Nivcsw)
}
