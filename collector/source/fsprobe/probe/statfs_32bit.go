//go:build 386 || arm || mips || mipsle || ppc

package probe

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// statFileSystem asks for the state of the file system that fd is on.
func (k *kernel) statFileSystem(fd int) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_FSTATFS64, uintptr(fd), unsafe.Sizeof(k.statFS), uintptr(unsafe.Pointer(&k.statFS)))
	return errno
}
