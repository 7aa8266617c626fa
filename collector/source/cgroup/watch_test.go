package cgroup

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// watchOpens returns a function that says how often each file below root was
// opened meanwhile.
func watchOpens(t *testing.T, root string) func() map[string]int {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Skipf("needs inotify: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	dirs := make(map[int32]string)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			wd, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN)
			dirs[int32(wd)] = path
			return err
		}
		return err
	})
	if err != nil {
		t.Skipf("needs inotify: %v", err)
	}
	return func() map[string]int {
		opened := make(map[string]int)
		buf := make([]byte, 1<<20)
		for {
			n, err := unix.Read(fd, buf)
			if err != nil || n <= 0 {
				return opened
			}
			for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
				wd := int32(binary.NativeEndian.Uint32(b))
				mask := binary.NativeEndian.Uint32(b[4:])
				size := int(binary.NativeEndian.Uint32(b[12:]))
				name := bytes.TrimRight(b[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], "\x00")
				if mask&unix.IN_ISDIR == 0 {
					opened[filepath.Join(dirs[wd], string(name))]++
				}
				b = b[unix.SizeofInotifyEvent+size:]
			}
		}
	}
}
