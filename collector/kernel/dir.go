package kernel

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Entry is a subdirectory.
type Entry struct {
	Name []byte // valid until the callback returns
	Ino  uint64
}

// Links returns a directory's inode number and its link count. In cgroup file
// systems a directory without subdirectories has two links, so that it need
// not be listed; some file systems always say 1, which says nothing.
func (r *Files) Links(root, dir string) (ino uint64, links uint32, err error) {
	r.join(root, dir, ".")
	return r.stat()
}

// TaskInode returns the inode number of the file name of thread tid below
// procfs. Files below net/ have one for each network namespace.
func (r *Files) TaskInode(procfs string, tid int32, name string) (uint64, error) {
	r.joinTask(procfs, tid, name)
	ino, _, err := r.stat()
	return ino, err
}

// stat looks at the file at r.path.
func (r *Files) stat() (ino uint64, links uint32, err error) {
	r.path = append(r.path, 0)
	cwd := unix.AT_FDCWD
	for {
		_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(cwd), uintptr(unsafe.Pointer(&r.path[0])),
			unix.AT_NO_AUTOMOUNT, unix.STATX_NLINK|unix.STATX_INO, uintptr(unsafe.Pointer(&r.statx)), 0)
		switch errno {
		case 0:
			return r.statx.Ino, r.statx.Nlink, nil
		case unix.EINTR:
		default:
			return 0, 0, errno
		}
	}
}

// Subdirs calls f for each subdirectory of root+dir.
func (r *Files) Subdirs(root, dir string, f func(Entry)) error {
	r.join(root, dir, ".")
	fd, err := r.openPath()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Getdents(fd, r.buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		eachSubdir(r.buf[:n], f)
	}
}

// eachSubdir decodes struct linux_dirent64: ino u64, off i64, reclen u16, type
// u8, name. It gives the type and the inode number for nothing, where
// os.ReadDir would make an allocation for every entry.
func eachSubdir(b []byte, f func(Entry)) {
	const header = 19
	for len(b) >= header {
		reclen := int(binary.NativeEndian.Uint16(b[16:]))
		if reclen < header || reclen > len(b) {
			return
		}
		name := b[header:reclen]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if b[18] == unix.DT_DIR && string(name) != "." && string(name) != ".." {
			f(Entry{Name: name, Ino: binary.NativeEndian.Uint64(b)})
		}
		b = b[reclen:]
	}
}
