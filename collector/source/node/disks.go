package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	maxDisks = 1024 // that are given

	// disksKept is how long it is remembered what a block device is. It may be
	// another's number later, and device-mapper lays one on others after making it.
	disksKept = 2 * time.Minute
)

// disks is what must be remembered of block devices: what they are.
type disks struct {
	known map[string]string // name in diskstats → name of the disk; empty for one that is left out
	since time.Time         // the oldest of them
	stats []kernel.Diskstat
}

// readDisks reads /proc/diskstats. The numbers are the kernel's: times go round
// at 2^32 ms, and all begin anew when a disk is unplugged and comes back.
func (s *Source) readDisks(n *model.Node) error {
	path := s.tree.procPath("diskstats")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err // names the path
	}
	d := &s.disks
	if d.stats, err = kernel.ParseDiskstats(b, d.stats[:0]); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if d.known == nil || time.Since(d.since) > disksKept || len(d.known) > 2*len(d.stats) {
		d.known, d.since = make(map[string]string, len(d.stats)), time.Now()
	}
	for i := range d.stats {
		st := &d.stats[i]
		name, ok := d.known[string(st.Name)]
		if !ok {
			name = s.tree.disk(string(st.Name), st.Device)
			d.known[string(st.Name)] = name
		}
		if name == "" || len(n.Disks) >= maxDisks {
			continue
		}
		n.Disks = append(n.Disks, model.NodeDisk{
			Device: name,
			Read:   operations(st.Reads, st.ReadSectors, st.ReadMsec),
			Write:  operations(st.Writes, st.WriteSectors, st.WriteMsec),
			Busy:   milliseconds(st.BusyMsec),
		})
	}
	return nil
}

func operations(requests, sectors, msec uint64) model.Operations {
	return model.Operations{
		Requests: model.Some(float64(requests)),
		Bytes:    model.Some(float64(sectors) * kernel.SectorSize),
		Seconds:  milliseconds(msec),
	}
}

func milliseconds(n uint64) model.Opt { return model.Some(float64(n) / 1000) }

// disk returns the name of a whole disk that lies on no other device, as the
// cgroups' devices are named: by its number, through /sys. It is empty for
// partitions, for devices in memory or in files, and where /sys does not tell.
func (t tree) disk(name string, dev kernel.Device) string {
	for _, prefix := range []string{"loop", "ram", "zram"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && strings.Trim(rest, "0123456789") == "" {
			return ""
		}
	}
	inSys := strings.ReplaceAll(name, "/", "!")
	dir := t.sysPath(filepath.Join("block", inSys))
	if !exists(dir) || text(filepath.Join(dir, "hidden")) == "1" { // a path of a multipath disk, which is listed too
		return ""
	}
	if slaves, err := os.ReadDir(filepath.Join(dir, "slaves")); err == nil && len(slaves) > 0 {
		return ""
	}
	if target, err := os.Readlink(t.sysPath(filepath.Join("dev/block", dev.String()))); err == nil {
		inSys = filepath.Base(target)
	}
	return strings.ToValidUTF8(inSys, "\uFFFD")
}
