package vmm

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Before Linux 6.2 the open files of a process have to be listed to be counted.
const (
	manyFiles     = 10_000
	manyFilesStep = time.Minute // how often so many are counted
	maxFiles      = 2_000_000   // that are counted
)

// fileCount is the last count of the open files of a process.
type fileCount struct {
	at    time.Duration // 0 for never
	files uint64
	ok    bool
}

// openFiles returns how many files a process has open. Since Linux 6.2 that is
// the size of /proc/PID/fd, for anybody. Before, they are listed, which needs
// root or the same user.
func (s *Source) openFiles(p *process) (uint64, bool) {
	dir := s.pathOf(p.pid, "fd")
	if s.realProc {
		var st unix.Stat_t
		if unix.Stat(dir, &st) == nil && st.Size > 0 {
			return uint64(st.Size), true
		}
	}
	c := &p.files
	if c.at != 0 && c.files > manyFiles && s.now < c.at+manyFilesStep {
		return c.files, c.ok
	}
	var err error
	c.files, err = s.listFiles(dir, maxFiles)
	c.at, c.ok = max(s.now, 1), err == nil && c.files <= maxFiles
	if err != nil && !kernel.Gone(err) && !kernel.Denied(err) {
		s.problems.Add(fmt.Errorf("listing %s: %w", dir, err))
	}
	return c.files, c.ok
}

// listFiles counts what is in a directory, and stops after most.
func (s *Source) listFiles(dir string, most uint64) (count uint64, err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if s.dirents == nil {
		s.dirents = make([]byte, 32<<10)
	}
	for count <= most {
		n, err := unix.Getdents(fd, s.dirents)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n <= 0:
			return count, nil
		}
		count += countEntries(s.dirents[:n])
	}
	return count, nil
}

// countEntries counts the entries of struct linux_dirent64 in b, without . and ..
func countEntries(b []byte) (count uint64) {
	const nameAt = 19 // after ino u64, off i64, reclen u16, type u8
	for len(b) > nameAt {
		length := int(binary.NativeEndian.Uint16(b[16:]))
		if length <= nameAt || length > len(b) {
			break
		}
		if b[nameAt] != '.' { // descriptors are numbers
			count++
		}
		b = b[length:]
	}
	return count
}

// maxFiles returns how many files a process may have open: its soft limit.
func (s *Source) maxFiles(p *process) model.Opt {
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, p.pid, "limits")
	var l kernel.Limits
	if err == nil {
		err = kernel.ParseLimits(b, &l)
	}
	switch {
	case err == nil && !l.OpenFilesUnlimited:
		return model.Some(float64(l.OpenFiles))
	case err != nil && !kernel.Gone(err) && !kernel.Denied(err):
		s.problems.Add(fmt.Errorf("reading %s: %w", s.pathOf(p.pid, "limits"), err))
	}
	return model.Opt{}
}
