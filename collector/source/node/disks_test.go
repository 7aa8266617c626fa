package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// diskstat is a line of diskstats that says the same of any device.
func diskstat(major, minor int, name string) string {
	return fmt.Sprintf("%4d %7d %s 10 1 2000 30 40 2 5000 60 0 700 90 0 0 0 0 0 0\n", major, minor, name)
}

// names returns the names of the disks of a reading.
func names(n *model.Node) (list []string) {
	for _, d := range n.Disks {
		list = append(list, d.Device)
	}
	return list
}

func TestDisksAreWholeAndLieOnNoOther(t *testing.T) {
	opts := machine(t, whole().with(
		"proc/diskstats", diskstat(8, 0, "sda")+diskstat(8, 1, "sda1")+diskstat(259, 0, "nvme0n1")+diskstat(259, 1, "nvme0n1p1")+
			diskstat(259, 2, "nvme0c0n1")+diskstat(7, 0, "loop0")+diskstat(1, 0, "ram0")+diskstat(253, 0, "zram0")+
			diskstat(252, 0, "dm-0")+diskstat(9, 0, "md0")+diskstat(104, 0, "cciss/c0d0")+diskstat(43, 0, "gone"),
		"sys/block/sda/sda1/partition", "1\n", "sys/block/sda/hidden", "0\n",
		"sys/block/nvme0n1/nvme0n1p1/partition", "1\n",
		"sys/block/nvme0c0n1/hidden", "1\n",
		"sys/block/loop0/size", "0\n", "sys/block/ram0/size", "0\n", "sys/block/zram0/size", "0\n",
		"sys/block/dm-0/slaves/sda1/size", "0\n",
		"sys/block/md0/slaves/sda1/size", "0\n",
		"sys/block/cciss!c0d0/size", "0\n",
	))
	if err := os.MkdirAll(filepath.Join(opts.SysFS, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../block/sda", filepath.Join(opts.SysFS, "dev/block/8:0")); err != nil {
		t.Fatal(err)
	}
	r, err := read(t, opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sda", "nvme0n1", "cciss!c0d0"}, names(r.Node)); diff != "" {
		t.Fatalf("disks differ (-want +got):\n%s", diff)
	}
	want := model.NodeDisk{
		Device: "sda",
		Read:   model.Operations{Requests: model.Some(10), Bytes: model.Some(1_024_000), Seconds: model.Some(0.03)},
		Write:  model.Operations{Requests: model.Some(40), Bytes: model.Some(2_560_000), Seconds: model.Some(0.06)},
		Busy:   model.Some(0.7),
	}
	if diff := cmp.Diff(want, r.Node.Disks[0], compareOpts()); diff != "" {
		t.Errorf("disk differs (-want +got):\n%s", diff)
	}
}

func TestDisksAreAbsentWhereTheyAreNotTold(t *testing.T) {
	for name, f := range map[string]files{
		"no diskstats": whole().with("sys/block/sda/size", "0\n"),
		"no sysfs":     whole().with("proc/diskstats", diskstat(8, 0, "sda")),
		"an empty one": whole().with("proc/diskstats", ""),
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := read(t, machine(t, f)); err != nil || r.Node.Disks != nil {
				t.Errorf("disks are %+v, %v", r.Node.Disks, err)
			}
		})
	}
}

func TestGarbageInDiskstatsCostsNothingElse(t *testing.T) {
	r, err := read(t, machine(t, whole().with("proc/diskstats", "8 0 sda x\n")))
	if !errors.Is(err, kernel.ErrMalformed) || !strings.Contains(err.Error(), "proc/diskstats") {
		t.Errorf("error is %v", err)
	}
	if r.Node == nil || r.Node.Disks != nil || r.Node.Memory == (model.Opt{}) {
		t.Errorf("the machine is %+v", r.Node)
	}
}

func TestDisksAreLimited(t *testing.T) {
	f := whole()
	var b strings.Builder
	for i := range maxDisks + 10 {
		name := fmt.Sprintf("sd%d", i)
		b.WriteString(diskstat(8, i, name))
		f["sys/block/"+name+"/size"] = "0\n"
	}
	f["proc/diskstats"] = b.String()
	if r, err := read(t, machine(t, f)); err != nil || len(r.Node.Disks) != maxDisks {
		t.Errorf("%d disks, %v", len(r.Node.Disks), err)
	}
}

func TestWhatADiskIsIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := machine(t, whole().with("proc/diskstats", diskstat(252, 0, "dm-0"), "sys/block/dm-0/size", "0\n"))
		s, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		count := func() int {
			r, err := s.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return len(r.Node.Disks)
		}
		if n := count(); n != 1 {
			t.Fatalf("%d disks", n)
		}
		write(t, opts, files{"sys/block/dm-0/slaves/sda/size": "0\n"}) // its table is loaded
		time.Sleep(disksKept + time.Second)
		if n := count(); n != 0 {
			t.Errorf("%d disks when it lies on another", n)
		}
	})
}
