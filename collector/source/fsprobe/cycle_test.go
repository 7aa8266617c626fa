package fsprobe_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
	"github.com/virt-exporter/virt_exporter/fixtures/fakeprobe"
)

const (
	rootLine = "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	vfsLine  = "40 21 0:39 / /mnt/vfs rw,relatime - virtiofs share rw\n"
	p9Line   = "41 21 0:40 / /mnt/p9 rw,relatime - 9p p9share rw,access=client,msize=8192,trans=virtio\n"
)

// host is a machine of which nothing but its mounts is there.
type host struct {
	*testing.T
	procfs string
	mounts *fakeprobe.Mounts
	source *fsprobe.Source
}

// open opens the source of a machine with these mounts. It is called in a bubble.
func open(t *testing.T, mounts *fakeprobe.Mounts, lines string, change ...func(*fsprobe.Options)) *host {
	t.Helper()
	h := &host{T: t, procfs: t.TempDir(), mounts: mounts}
	h.write("1/mountinfo", lines)
	h.write("2/comm", "kthreadd\n")
	opts := fsprobe.Options{ProcFS: h.procfs, Start: mounts.Start, Random: rand.New(rand.NewPCG(1, 2))}
	for _, f := range change {
		f(&opts)
	}
	s, err := fsprobe.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	h.source = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *host) write(name, text string) {
	h.Helper()
	file := filepath.Join(h.procfs, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		h.Fatal(err)
	}
}

func (h *host) read() model.Reading {
	h.Helper()
	r, err := h.source.Read(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return r
}

// mount returns what is read of a mountpoint.
func (h *host) mount(path string) *model.Mount {
	h.Helper()
	r := h.read()
	for i := range r.Mounts {
		if r.Mounts[i].Mountpoint == path {
			return &r.Mounts[i]
		}
	}
	h.Fatalf("%s is not listed: %v", path, r.Mounts)
	return nil
}

// after lets time pass.
func (h *host) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func value(t *testing.T, what string, o model.Opt) float64 {
	t.Helper()
	v, ok := o.Get()
	if !ok {
		t.Fatalf("%s is absent", what)
	}
	return v
}

func TestMountsAreProbedOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine+p9Line)
		if m := h.mount("/mnt/vfs"); len(m.Probes) != 0 || m.Tag != "share" || value(t, "stuck", m.StuckSeconds) != 0 {
			t.Errorf("before the first cycle: %+v", m)
		}
		h.after(15 * time.Second)
		for _, path := range []string{"/mnt/vfs", "/mnt/p9"} {
			m := h.mount(path)
			if len(m.Probes) != 3 || m.Probes[0].Op != "stat" || m.Probes[0].Reference != "local" {
				t.Fatalf("probes of %s: %+v", path, m.Probes)
			}
			p := &m.Probes[0]
			for what, got := range map[string][2]float64{
				"ratio": {value(t, "ratio", p.Ratio), 10}, "lower": {value(t, "lower", p.RatioLower), 10}, "upper": {value(t, "upper", p.RatioUpper), 10},
				"added": {value(t, "added", p.Added), 0.0009}, "pairs": {value(t, "pairs", p.Pairs), 15}, "count": {float64(p.Mount.Count()), 15},
			} {
				if d := got[0] - got[1]; d > 1e-12 || d < -1e-12 {
					t.Errorf("%s of %s is %v, want %v", what, path, got[0], got[1])
				}
			}
		}
		if n := h.mounts.Started(); n != 2 {
			t.Errorf("%d helpers were started, want one for each mount", n)
		}
		h.after(5 * time.Minute)
		if n := h.mounts.Started(); n != 2 {
			t.Errorf("after five minutes %d helpers have been started: they do not live on", n)
		}
		if got := h.mount("/mnt/p9").Probes[2].Beside.Count() / 15; got < 5 || got > 7 {
			t.Errorf("%d cycles in five minutes", got)
		}
	})
}

func TestMountThatHangsIsReportedAndHasOneHelper(t *testing.T) {
	for name, unkillable := range map[string]bool{"while it lets go of who is killed": false, "while it holds who is killed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine+p9Line)
				h.after(15 * time.Second)
				h.mounts.Hang("/mnt/vfs", unkillable)
				h.after(65 * time.Second) // it is asked again meanwhile
				last := -1.0
				for range 300 {
					h.after(time.Second)
					m := h.mount("/mnt/vfs")
					age := value(t, "age", m.StuckSeconds)
					if last >= 0 && (age < last+0.5 || age > last+1.5) {
						t.Fatalf("a second after %v s it is stuck for %v s", last, age)
					}
					if last = age; age > 5 && m.Stuck == nil {
						t.Fatal("it does not say where it waits")
					}
					if n := h.mounts.Living("/mnt/vfs"); n > 1 {
						t.Fatalf("%d helpers at once", n)
					}
				}
				if last < 300 {
					t.Errorf("after five minutes it is stuck for %v s", last)
				}
				if n := h.mounts.Started(); n > 9 {
					t.Errorf("%d helpers were started for a mount that hangs", n)
				}
				if p := h.mount("/mnt/vfs").Probes[0]; p.Ratio != (model.Opt{}) || p.Mount.Count() == 0 {
					t.Errorf("figures of long ago are shown as those of now: %+v", p)
				}
				if m := h.mount("/mnt/p9"); value(t, "age", m.StuckSeconds) != 0 || m.Probes[0].Ratio == (model.Opt{}) {
					t.Errorf("the other mount suffers: %+v", m)
				}
				h.mounts.Resume("/mnt/vfs")
				h.after(3 * time.Second)
				m := h.mount("/mnt/vfs")
				if age := value(t, "age", m.StuckSeconds); age != 0 || m.Stuck != nil || m.Probes[0].Ratio == (model.Opt{}) {
					t.Errorf("three seconds after it came back it is stuck for %v s: %+v", age, m)
				}
			})
		})
	}
}

func TestSourceEndsWhileAMountHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mounts := &fakeprobe.Mounts{}
		h := open(t, mounts, rootLine+vfsLine)
		mounts.Hang("/mnt/vfs", true)
		h.after(40 * time.Second)
		began := time.Now()
		if err := h.source.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		mounts.Resume("/mnt/vfs") // or the bubble waits for it
	})
}

func TestSkipsAreCountedAndNoLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{Skip: func(path string, op probe.Op) probe.Skip {
			switch {
			case path == "/mnt/p9" && op == "":
				return probe.Skip{Reason: "permission"}
			case path == "/mnt/vfs" && op == probe.Create:
				return probe.Skip{Reason: "read_only"}
			}
			return probe.Skip{}
		}}, rootLine+vfsLine+p9Line, func(o *fsprobe.Options) { o.WriteDirs = []string{"/mnt/vfs/w"} })
		h.after(15 * time.Second)
		m := h.mount("/mnt/p9")
		if n := value(t, "permission", m.Skipped[model.SkipPermission]); n != 1 || len(m.Probes) != 0 || m.LastSuccess != (model.Opt{}) {
			t.Errorf("%v skips, %+v", n, m)
		}
		m = h.mount("/mnt/vfs")
		if n := value(t, "read-only", m.Skipped[model.SkipReadOnly]); n != 1 || len(m.Probes) != 6 {
			t.Errorf("%v skips, %+v", n, m)
		}
	})
}

func TestProbesCostNoMoreThanTheirShare(t *testing.T) {
	for name, tt := range map[string]struct {
		cpu  time.Duration
		want float64
	}{
		"a cycle within it": {15 * time.Millisecond, 60},
		"a dear one":        {60 * time.Millisecond, 180},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, &fakeprobe.Mounts{CPU: tt.cpu}, rootLine+vfsLine)
				h.after(30 * time.Minute)
				m := h.mount("/mnt/vfs")
				if got := value(t, "interval", m.Interval); got < tt.want || got > 1.1*tt.want { // looks are paid too
					t.Errorf("the interval is %v s, want %v", got, tt.want)
				}
				if cpu := value(t, "cpu", m.ProbeCPU); cpu > 30*0.020*1.1+2*tt.cpu.Seconds() {
					t.Errorf("%v s of CPU in 30 minutes", cpu)
				}
			})
		})
	}
}

func TestNothingIsMeasuredUnderPressureButAHangIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine)
		h.write("pressure/io", "some avg10=74.10 avg60=9.00 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
		h.after(5 * time.Minute)
		m := h.mount("/mnt/vfs")
		if n := value(t, "pressure", m.Skipped[model.SkipPressure]); n < 4 || len(m.Probes) != 0 || m.LastSuccess != (model.Opt{}) {
			t.Errorf("%v skips, %+v", n, m)
		}
		// Who waits for a page of a mount that hangs makes pressure himself.
		h.mounts.Hang("/mnt/vfs", true)
		h.after(2 * time.Minute)
		if m := h.mount("/mnt/vfs"); value(t, "age", m.StuckSeconds) < 50 {
			t.Errorf("it hangs under pressure, and is stuck for %v", m.StuckSeconds)
		}
		h.mounts.Resume("/mnt/vfs")
		h.write("pressure/io", "some avg10=3.10 avg60=9.00 avg300=1.00 total=1\n")
		h.after(2 * time.Minute)
		if m := h.mount("/mnt/vfs"); len(m.Probes) != 3 || value(t, "age", m.StuckSeconds) != 0 {
			t.Errorf("when it is over: %+v", m)
		}
	})
}

// A dear mount is measured seldom and looked at often.
func TestSecondHangIsSeenSoon(t *testing.T) {
	for name, mounts := range map[string]*fakeprobe.Mounts{
		"after a long first one":                      {},
		"of a mount whose cycles take minutes of CPU": {CPU: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, mounts, rootLine+vfsLine)
				h.after(15 * time.Second)
				h.mounts.Hang("/mnt/vfs", false)
				h.after(5 * time.Minute)
				h.mounts.Resume("/mnt/vfs")
				h.after(5 * time.Second)
				if age := value(t, "age", h.mount("/mnt/vfs").StuckSeconds); age != 0 {
					t.Fatalf("it is back, and stuck for %v s", age)
				}
				h.mounts.Hang("/mnt/vfs", false)
				h.after(75 * time.Second)
				if age := value(t, "age", h.mount("/mnt/vfs").StuckSeconds); age < 5 {
					t.Errorf("75 s after it hung again it is stuck for %v s", age)
				}
				h.mounts.Resume("/mnt/vfs")
			})
		})
	}
}

func TestMountThatHangsForEverStopsNoOther(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine+p9Line, func(o *fsprobe.Options) { o.Timeout = timeout })
			h.mounts.Hang("/mnt/vfs", true)
			h.after(10 * time.Minute)
			if n := h.mount("/mnt/p9").Probes[0].Mount.Count(); n < 8*15 {
				t.Errorf("with a timeout of %v the other mount has %d samples in ten minutes", timeout, n)
			}
			h.mounts.Resume("/mnt/vfs")
		})
	}
}

func TestMountThatIsGoneAndOneThatTookItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine)
		h.after(2 * time.Minute)
		before := h.mount("/mnt/vfs").Probes[0].Mount.Count()
		h.write("1/mountinfo", rootLine+strings.ReplaceAll(vfsLine, "40 21 0:39", "77 21 0:51"))
		h.after(time.Minute)
		m := h.mount("/mnt/vfs")
		if len(m.Probes) == 0 || m.Probes[0].Mount.Count() >= before {
			t.Errorf("another file system goes on with the figures of the one before: %+v", m)
		}
		h.write("1/mountinfo", rootLine)
		h.after(time.Minute)
		if r := h.read(); len(r.Mounts) != 0 {
			t.Errorf("it is gone and listed: %+v", r.Mounts)
		}
		if n := h.mounts.Living("/mnt/vfs"); n != 0 {
			t.Errorf("it is gone, and %d helpers are left", n)
		}
	})
}

func TestSharedDirectoriesAreProbedWithoutAReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine)
		h.source.Surrounded(source.Surroundings{Shared: []string{"/srv/share"}})
		h.after(15 * time.Second)
		r := h.read()
		if len(r.ShareProbes) != 1 || r.ShareProbes[0].Source != "/srv/share" || len(r.ShareProbes[0].Ops) != 3 || len(r.Mounts) != 0 {
			t.Fatalf("%+v", r)
		}
		op := r.ShareProbes[0].Ops[0]
		if value(t, "median", op.Median) != 0.001 || op.Latency.Count() != 15 {
			t.Errorf("%+v", op)
		}
		h.source.Surrounded(source.Surroundings{})
		h.after(15 * time.Second)
		if r := h.read(); len(r.ShareProbes) != 0 || h.mounts.Living("/srv/share") != 0 {
			t.Errorf("it is not shared any more: %+v", r)
		}
	})
}

func TestMountsBeyondTheLimitAreListedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine+p9Line, func(o *fsprobe.Options) { o.MaxMounts = 1 })
		h.after(5 * time.Minute)
		r := h.read()
		if len(r.Mounts) != 2 || r.Dropped["max_mounts"] != 1 || h.mounts.Started() != 1 {
			t.Errorf("%d mounts, %v, %d helpers", len(r.Mounts), r.Dropped, h.mounts.Started())
		}
	})
}

func TestHelperThatCannotBeStartedIsAFeatureThatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine, func(o *fsprobe.Options) {
			o.Start = func(string) (fsprobe.Helper, error) {
				tries++
				return nil, os.ErrPermission
			}
		})
		h.after(5 * time.Minute)
		r := h.read()
		if r.Features[0].Reason != model.NoPermission || r.Features[0].Remedy == "" {
			t.Errorf("%+v", r.Features)
		}
		if n := value(t, "errors", h.mount("/mnt/vfs").Skipped[model.SkipError]); n != float64(tries) || tries < 4 || tries > 6 {
			t.Errorf("%v skips, %d tries", n, tries)
		}
	})
}

// A tenant can have as many mounts hang as he likes.
func TestHelpersThatHangWithMountsThatAreGoneKeepTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine, func(o *fsprobe.Options) { o.MaxMounts = 4 })
		h.mounts.Hang("/mnt/vfs", true)
		for i := range 20 {
			id := strconv.Itoa(100 + i)
			h.write("1/mountinfo", rootLine+strings.ReplaceAll(vfsLine, "40 21 0:39", id+" 21 0:"+id))
			h.after(time.Minute)
		}
		if n := h.mounts.Living("/mnt/vfs"); n > 4 {
			t.Errorf("%d helpers hang", n)
		}
		h.mounts.Resume("/mnt/vfs")
		h.after(time.Minute)
		if m := h.mount("/mnt/vfs"); len(m.Probes) == 0 {
			t.Errorf("there is room again: %+v", m)
		}
	})
}

func TestFilesBelowASharedDirectoryAreProbedThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine, func(o *fsprobe.Options) {
			o.ReadFiles, o.WriteDirs = []string{"/srv/share/file"}, []string{"/srv/share/dir", "/data/dir"}
		})
		h.source.Surrounded(source.Surroundings{Shared: []string{"/srv/share"}})
		h.after(15 * time.Second)
		r := h.read()
		if len(r.ShareProbes) != 1 || len(r.ShareProbes[0].Ops) != 9 {
			t.Errorf("the share has %+v", r.ShareProbes)
		}
		// The other directory is on the disk, which is then probed as well.
		if len(r.Mounts) != 1 || r.Mounts[0].Mountpoint != "/" || len(r.Mounts[0].Probes) != 7 {
			t.Errorf("mounts %+v", r.Mounts)
		}
	})
}

// What a hang brings, no processes and no memory, must not have the source try
// again and again.
func TestHelperThatCannotBeReplacedIsNotTriedAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mounts := &fakeprobe.Mounts{}
		tries, full := 0, false
		h := open(t, mounts, rootLine+vfsLine, func(o *fsprobe.Options) {
			o.Start = func(name string) (fsprobe.Helper, error) {
				if tries++; full {
					return nil, syscall.EAGAIN
				}
				return mounts.Start(name)
			}
		})
		h.after(15 * time.Second)
		full = true
		mounts.Hang("/mnt/vfs", false)
		h.after(10 * time.Minute)
		if tries > 20 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		mounts.Resume("/mnt/vfs")
	})
}

func TestMountThatBeginsToRefuseShowsNoFiguresOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refuses atomic.Bool
		h := open(t, &fakeprobe.Mounts{Skip: func(_ string, op probe.Op) probe.Skip {
			if op == "" && refuses.Load() {
				return probe.Skip{Reason: "permission"}
			}
			return probe.Skip{}
		}}, rootLine+vfsLine)
		h.after(15 * time.Second)
		refuses.Store(true)
		h.after(2 * time.Minute)
		m := h.mount("/mnt/vfs")
		if m.Probes[0].Ratio != (model.Opt{}) || m.Interval != (model.Opt{}) || h.mounts.Living("/mnt/vfs") != 0 {
			t.Errorf("it lets nobody in: %+v, %d helpers", m, h.mounts.Living("/mnt/vfs"))
		}
		refuses.Store(false)
		h.after(12 * time.Minute)
		if m := h.mount("/mnt/vfs"); m.Probes[0].Ratio == (model.Opt{}) || m.Interval == (model.Opt{}) {
			t.Errorf("it lets us in again: %+v", m)
		}
	})
}

// A lock, or a server whose disk is full, may hang in writing alone.
func TestHangInOneOperationIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine, func(o *fsprobe.Options) { o.WriteDirs = []string{"/mnt/vfs/dir"} })
		h.after(15 * time.Second)
		started := h.mounts.Started()
		h.mounts.HangIn("/mnt/vfs", probe.Create)
		h.after(5 * time.Minute)
		m := h.mount("/mnt/vfs")
		if age := value(t, "age", m.StuckSeconds); age < 200 || m.Stuck == nil || m.Stuck.Op != "create" {
			t.Errorf("after five minutes it is stuck for %v s in %+v", age, m.Stuck)
		}
		if n := h.mounts.Started() - started; n > 10 {
			t.Errorf("%d helpers were started", n)
		}
		h.mounts.Resume("/mnt/vfs")
		h.after(3 * time.Second)
		if age := value(t, "age", h.mount("/mnt/vfs").StuckSeconds); age != 0 {
			t.Errorf("it is back, and stuck for %v s", age)
		}
	})
}

// Beside nothing but its own processes, what is mounted is its own.
func TestWithoutTheHostsProcessesNothingOfTheHostIsProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		procfs := t.TempDir()
		h := open(t, &fakeprobe.Mounts{}, rootLine+vfsLine, func(o *fsprobe.Options) {
			(&host{T: t, procfs: procfs}).write("1/mountinfo", rootLine+vfsLine)
			o.ProcFS = procfs
		})
		h.source.Surrounded(source.Surroundings{Shared: []string{"/srv"}})
		h.after(time.Minute)
		r := h.read()
		if len(r.Mounts) != 0 || len(r.ShareProbes) != 0 {
			t.Errorf("mounts %+v, shares %+v", r.Mounts, r.ShareProbes)
		}
		if len(r.Features) != 1 || r.Features[0].Name != "fs_guest_mounts" || r.Features[0].Reason != model.ForeignPIDNamespace || r.Features[0].Remedy == "" {
			t.Errorf("features %+v", r.Features)
		}
	})
}

func TestFeaturesThatNothingHasTriedAreNotGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &fakeprobe.Mounts{}, rootLine)
		for _, f := range h.read().Features {
			if f.Name == "fs_probe" || f.Name == "fs_reference" {
				t.Errorf("without a mount there is the feature %+v", f)
			}
		}
	})
}
