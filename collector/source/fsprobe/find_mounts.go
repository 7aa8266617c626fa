package fsprobe

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// What is read of mountinfo at most. A machine with 1,000 containers has 1 MiB or
// two. What a container mounts is a stranger's choice.
const (
	maxHomeInfo  = 32 << 20
	maxGuestInfo = 4 << 20
)

// maxMountpoint is the length of a mountpoint that can be a label's value.
const maxMountpoint = 3 << 10

// mayShow reports whether a mountpoint can be a label's value as it is. Changed,
// two could become one, and the path would be another.
func mayShow(p string) bool {
	return len(p) <= maxMountpoint && utf8.ValidString(p) && strings.IndexByte(p, 0) < 0
}

// infoReader reads mountinfo into one buffer.
type infoReader struct{ buf []byte }

// read appends the mounts of a process to dst. The file is cut off, after a
// whole line, at limit.
func (r *infoReader) read(procDir string, limit int, dst []kernel.Mount) ([]kernel.Mount, error) {
	name := procDir + "/mountinfo"
	b, err := r.file(name, limit)
	if err != nil {
		return dst, fmt.Errorf("reading %s: %w", name, err)
	}
	return kernel.ParseMountInfo(b, dst)
}

// file reads a file of the kernel's. Not by os.ReadFile: one that can be polled,
// as this one, would be registered for that each time, and its end is where the
// limit is.
func (r *infoReader) file(name string, limit int) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if r.buf == nil {
		r.buf = make([]byte, 64<<10)
	}
	n := 0
	for n < limit {
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
		m, err := unix.Read(fd, r.buf[n:min(len(r.buf), limit)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case m == 0:
			return r.buf[:n], nil
		}
		n += m
	}
	return r.buf[:bytes.LastIndexByte(r.buf[:n], '\n')+1], nil
}

// facts is what identity asks of a mount.
func facts(m *kernel.Mount) identity.MountFacts {
	return identity.MountFacts{FSType: m.FSType, Source: m.Source, Root: m.Root, Mountpoint: m.Mountpoint, SuperOptions: m.SuperOptions}
}

// keepMount copies what is kept of a mount, so that it does not hold the whole
// file in memory. The superblock's options, which may be long, are left out.
func keepMount(m kernel.Mount) kernel.Mount {
	return kernel.Mount{
		ID: m.ID, Parent: m.Parent, Device: strings.Clone(m.Device), Root: strings.Clone(m.Root),
		Mountpoint: strings.Clone(m.Mountpoint), Options: strings.Clone(m.Options),
		FSType: strings.Clone(m.FSType), Source: strings.Clone(m.Source),
	}
}

// superblock returns MAJOR:MINOR of mountinfo as the kernel keeps it in s_dev, 0 for
// what is no device.
func superblock(device string) uint64 {
	const minorBits = 20
	text, rest, _ := strings.Cut(device, ":")
	major, err1 := strconv.ParseUint(text, 10, 32-minorBits)
	minor, err2 := strconv.ParseUint(rest, 10, minorBits)
	if err1 != nil || err2 != nil {
		return 0
	}
	return major<<minorBits | minor
}
