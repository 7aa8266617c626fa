package probe

import (
	"bytes"
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of what one cycle looks through and removes.
const (
	maxReaped    = 64
	maxReapReads = 16 // of a buffer each
)

// orphanAge is after how long a file of another machine, which sees the same
// directory, is taken for forgotten.
const orphanAge = time.Hour

// reap removes files that helpers have left in dir because they were killed.
func (s *server) reap(dir int) unix.Errno {
	fd, errno := openAt(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	// Found first and removed then: what is removed while a directory is read
	// may hide others.
	var found []string
	for reads := 0; reads < maxReapReads && len(found) < maxReaped; reads++ {
		n := 0
		errno := again(func() (err error) {
			n, err = unix.Getdents(fd, s.buf)
			return err
		})
		if errno != 0 {
			return errno
		}
		if n == 0 {
			break
		}
		found = appendOurs(found, s.buf[:n])
	}
	for _, n := range found {
		if s.orphan(dir, n) {
			_ = unix.Unlinkat(dir, n, 0) // one that stays is found again
		}
	}
	return 0
}

// appendOurs appends the names in entries, as getdents64 gives them, that
// helpers give.
func appendOurs(names []string, entries []byte) []string {
	const length, first = 16, 19 // of struct linux_dirent64
	for len(entries) > first && len(names) < maxReaped {
		size := int(binary.NativeEndian.Uint16(entries[length:]))
		if size <= first || size > len(entries) {
			break
		}
		n, _, _ := bytes.Cut(entries[first:size], []byte{0})
		entries = entries[size:]
		if !bytes.HasPrefix(n, []byte(namePrefix)) {
			continue
		}
		if _, _, ok := parseName(string(n)); ok {
			names = append(names, string(n))
		}
	}
	return names
}

// orphan reports whether nobody will remove the file any more.
func (s *server) orphan(dir int, n string) bool {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, n, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	boot, pid, _ := parseName(n)
	if boot == s.names.boot && (pid == s.names.pid || unix.Kill(pid, 0) == unix.ESRCH) {
		return true
	}
	age := time.Since(time.Unix(st.Mtim.Unix()))
	return age > orphanAge && int(st.Uid) == os.Geteuid()
}
