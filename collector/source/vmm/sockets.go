package vmm

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// What is read of the kernel's tables of sockets. Anybody can make sockets.
const (
	maxSocketTable = 4 << 20 // bytes of one
	maxSocketRead  = 8 << 20 // bytes in one scan
	socketsTried   = 32      // descriptors of one process: a daemon's first ones are the oldest
)

// socketTables has the paths of sockets by their inodes, for each network
// namespace that was looked at in this scan.
type socketTables struct {
	byNamespace map[uint64]map[uint64]string
	read        int // bytes
}

// findSocket fills in the socket of a daemon that was handed it open, if it is in
// the network namespace of one of these processes: of the daemon's own there is
// nothing left in its sandbox. It is false if that is to be tried again in the next
// scan. Nothing is found without CAP_SYS_PTRACE, which root has: the links in
// /proc/PID/fd are not for all.
func (s *Source) findSocket(p *process, h *identity.Helper, namespaces ...int32) bool {
	if h.Component != model.Virtiofsd || h.Socket != "" || h.FD == 0 {
		return true
	}
	parent := s.processes[p.ppid]
	if parent != nil && parent.help.FD == h.FD && parent.help.Source == h.Source && parent.help.Socket != "" && parent.start <= p.start {
		h.Socket = parent.help.Socket
		return true
	}
	inodes := s.socketsOf(p.pid, h.FD)
	if len(inodes) == 0 {
		return true
	}
	for _, of := range namespaces {
		table, ok := s.socketTable(of)
		if !ok {
			return false
		}
		for _, inode := range inodes {
			if path := table[inode]; path != "" {
				h.Socket = path
				return true
			}
		}
	}
	return true
}

// socketsOf returns the inodes of a process's sockets, that of fd first: a daemon
// closes it once the hypervisor has called, and the connection has the same path.
func (s *Source) socketsOf(pid int32, fd int) (inodes []uint64) {
	dir := s.pathOf(pid, "fd/")
	for n := range socketsTried {
		if n == 0 {
			n = fd
		} else if n == fd {
			continue
		}
		target, err := os.Readlink(dir + strconv.Itoa(n))
		if err != nil {
			if os.IsPermission(err) {
				return nil
			}
			continue
		}
		number, ok := strings.CutPrefix(target, "socket:[")
		if !ok {
			continue
		}
		if inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64); err == nil {
			inodes = append(inodes, inode)
		}
	}
	return inodes
}

// socketTable returns the sockets of the network namespace of a process. It is
// false where too much was read in this scan.
func (s *Source) socketTable(pid int32) (map[uint64]string, bool) {
	namespace, err := s.files.TaskInode(s.opts.ProcFS, pid, "net/unix")
	if err != nil {
		return nil, true
	}
	if table, ok := s.tables.byNamespace[namespace]; ok {
		return table, true
	}
	if s.tables.read >= maxSocketRead {
		return nil, false
	}
	f, err := os.Open(s.pathOf(pid, "net/unix"))
	if err != nil {
		return nil, true
	}
	defer f.Close()
	table, read := parseSockets(io.LimitReader(f, maxSocketTable))
	s.tables.read += read
	if s.tables.byNamespace == nil {
		s.tables.byNamespace = make(map[uint64]map[uint64]string)
	}
	s.tables.byNamespace[namespace] = table
	return table, true
}

// parseSockets reads /proc/PID/net/unix: the paths of sockets by their inodes. A
// path may have any byte but NUL, newlines too: an inode that is there with two
// paths is nobody's.
func parseSockets(r io.Reader) (paths map[uint64]string, read int) {
	paths = make(map[uint64]string)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		read += len(lines.Bytes()) + 1
		inode, path, ok := parseSocket(lines.Bytes())
		if !ok {
			continue
		}
		is := strings.ToValidUTF8(string(path), "\uFFFD")
		if was, twice := paths[inode]; twice && was != is {
			is = ""
		}
		paths[inode] = is
	}
	return paths, read
}

// parseSocket reads one line: Num, RefCount, Protocol, Flags, Type, St, Inode,
// Path. It is false for sockets that have no path from the root, and for one
// through a descriptor of whoever made it, which tells others nothing.
func parseSocket(line []byte) (inode uint64, path []byte, ok bool) {
	const before = 6 // fields
	for range before {
		line = bytes.TrimLeft(line, " ")
		i := bytes.IndexByte(line, ' ')
		if i < 0 {
			return 0, nil, false
		}
		line = line[i:]
	}
	number, path, _ := bytes.Cut(bytes.TrimLeft(line, " "), []byte{' '})
	inode, err := strconv.ParseUint(string(number), 10, 64)
	ok = err == nil && len(path) > 0 && path[0] == '/' && !bytes.HasPrefix(path, []byte("/proc/"))
	return inode, path, ok
}
