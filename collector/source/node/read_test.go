package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	// The columns: user nice system idle iowait irq softirq steal guest guest_nice.
	stat = "cpu  1000 200 300 9000 50 10 20 400 600 100\n" +
		"cpu0 500 100 150 4500 25 5 10 200 300 50\ncpu2 500 100 150 4500 25 5 10 200 300 50\nintr 7 1\nctxt 5\nbtime 1\n"
	bothPSI = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"
	fullPSI = "full avg10=0.00 avg60=0.00 avg300=0.00 total=750000\n"
)

// whole are the files of a machine that has all that is read.
func whole() files {
	return files{
		"proc/stat":            stat,
		"proc/meminfo":         "MemTotal:       1024 kB\nMemFree:        10 kB\n",
		"proc/vmstat":          "pgfault 12\noom_kill 3\n",
		"proc/pressure/cpu":    bothPSI,
		"proc/pressure/memory": bothPSI,
		"proc/pressure/io":     bothPSI,
		"proc/pressure/irq":    fullPSI,
	}
}

// read makes a source for opts and reads it once.
func read(t *testing.T, opts Options) (model.Reading, error) {
	t.Helper()
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s.Read(context.Background())
}

func compareOpts() cmp.Option { return cmp.AllowUnexported(model.Opt{}) }

func TestReadWholeMachine(t *testing.T) {
	r, err := read(t, machine(t, whole()))
	if err != nil {
		t.Fatal(err)
	}
	want := model.Reading{
		Node: &model.Node{
			Role:     model.RoleHost,
			CPUUsage: model.Some(15.3), // guest time is in user's, idle and steal are none
			CPUSteal: model.Some(4),
			CPUs:     model.Some(2),
			Pressure: model.Pressure{
				CPUWaiting: model.Some(1.5), MemoryWaiting: model.Some(1.5), IOWaiting: model.Some(1.5),
				MemoryStalled: model.Some(0.25), IOStalled: model.Some(0.25), IRQStalled: model.Some(0.75),
			},
			Memory:   model.Some(1 << 20),
			OOMKills: model.Some(3),
		},
		Features: []model.Feature{{Name: "psi"}},
	}
	if diff := cmp.Diff(want, r, compareOpts(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("reading differs (-want +got):\n%s", diff)
	}
}

func TestReadWithoutOptionalFiles(t *testing.T) {
	r, err := read(t, machine(t, files{"proc/stat": stat}))
	if err != nil {
		t.Fatal(err)
	}
	if r.Node.Memory != (model.Opt{}) || r.Node.OOMKills != (model.Opt{}) || r.Node.Pressure != (model.Pressure{}) {
		t.Errorf("what is not there has a value: %+v", r.Node)
	}
	if len(r.Features) != 1 || r.Features[0].Reason != model.PSIDisabled || !strings.Contains(r.Features[0].Remedy, "psi=1") {
		t.Errorf("features are %+v", r.Features)
	}
}

func TestReadKeepsWhatCanBeRead(t *testing.T) {
	for _, tc := range []struct {
		name, path, content string // without content the file is removed
		want                error  // what the error wraps, if that is known
		absent              func(*model.Node) model.Opt
	}{
		{"no stat", "proc/stat", "", fs.ErrNotExist, func(n *model.Node) model.Opt { return n.CPUSteal }},
		{"empty stat", "proc/stat", "\n", nil, func(n *model.Node) model.Opt { return n.CPUSteal }},
		{"garbage in stat", "proc/stat", "cpu x\n", nil, func(n *model.Node) model.Opt { return n.CPUUsage }},
		{"garbage in meminfo", "proc/meminfo", "MemTotal: x kB\n", nil, func(n *model.Node) model.Opt { return n.Memory }},
		{"vmstat cut off", "proc/vmstat", "oom_kill 1", kernel.ErrTruncated, func(n *model.Node) model.Opt { return n.OOMKills }},
		{"garbage in pressure", "proc/pressure/io", "some total=x\n", kernel.ErrMalformed, func(n *model.Node) model.Opt { return n.Pressure.IOWaiting }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := machine(t, whole())
			path := filepath.Join(opts.RootFS, tc.path)
			if tc.content == "" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, opts, files{tc.path: tc.content})
			}
			r, err := read(t, opts)
			if err == nil || !strings.Contains(err.Error(), path) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error is %v, want one that names %s", err, path)
			}
			if r.Node == nil || tc.absent(r.Node) != (model.Opt{}) {
				t.Fatalf("got %+v", r.Node)
			}
			if r.Node.Pressure.MemoryWaiting != model.Some(1.5) {
				t.Error("the rest is missing")
			}
		})
	}
}

func TestStealNeverFalls(t *testing.T) {
	var c counter
	for i, step := range []struct{ in, want float64 }{
		{100, 100},
		{101, 101},
		{100.5, 101},
		{100.9, 101},
		{102, 102}, // jitter is waited out
		{10, 102},
		{12, 104}, // after a fall it goes on
		{11.99, 104},
		{0, 104},
		{1, 105},
	} {
		if got := c.next(step.in); got != step.want {
			t.Errorf("step %d: %v gives %v, want %v", i, step.in, got, step.want)
		}
	}
}

func TestReadAfterStealFell(t *testing.T) {
	opts := machine(t, whole())
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		steal string
		want  float64
	}{{"cpu  1 0 0 0 0 0 0 5000 0 0\n", 50}, {"cpu  1 0 0 0 0 0 0 100 0 0\n", 50}, {"cpu  1 0 0 0 0 0 0 200 0 0\n", 51}} {
		write(t, opts, files{"proc/stat": step.steal})
		r, err := s.Read(context.Background())
		if err != nil || r.Node.CPUSteal != model.Some(step.want) {
			t.Errorf("%q gives %v, %v; want %v", step.steal, r.Node.CPUSteal, err, step.want)
		}
		if r.Node.CPUs != (model.Opt{}) {
			t.Errorf("no CPU is listed and there are %v", r.Node.CPUs)
		}
	}
}

func TestReadAfterTheDeadline(t *testing.T) {
	s, err := New(machine(t, whole()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
