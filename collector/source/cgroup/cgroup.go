package cgroup

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/cgroups/v3"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

const unifiedMode = cgroups.Unified

// Options says what to read and how much.
type Options struct {
	ProcFS, SysFS, RootFS string

	Labels    []string // container labels to pass on, in this order
	MaxGuests int      // guests beyond are left out and counted
	OpenFiles int      // kernel files that may stay open between readings

	// Recheck is how often limits, and files that were not there, are looked
	// at again. 0 means two minutes.
	Recheck time.Duration

	// Now is the time since boot, suspend included, on which the start times
	// in /proc are based. nil means the kernel's own clock.
	Now func() time.Duration
}

// Source reads the containers of this host.
type Source struct {
	opts       Options
	layout     layout
	specs      [numFiles]fileSpec
	files      *kernel.Files
	resolver   *identity.Resolver
	background *background
	log        *kernelLog
	bootTime   float64 // seconds since the epoch

	root       *node
	guests     []*guest // in the order of their paths
	trees      []*guest // the outermost of them
	live       int      // those that have not ended
	changed    bool     // the two lists must be made anew
	threads    map[int32]*thread
	names      map[model.Name]*guest
	undecided  map[*node]time.Duration
	refused    map[*node]struct{}
	ended      map[model.Name]*ended
	recent     map[string]recent
	pods       map[*node]*pod
	devices    map[kernel.Device]device
	stacked    map[string][]string
	features   features
	dropped    map[string]uint64
	collisions uint64

	gen                  uint64
	now                  time.Duration
	walkedAt, prevWalkAt time.Duration
	walkedOnce           bool
	next                 string    // path of the guest with which the next reading begins: a deadline is fair
	online               model.Opt // CPUs
	delayacct            bool      // the kernel accounts delays on block I/O
	hostNet              uint64    // inode of a file of the host's network namespace
	hostAt               time.Duration
	turn                 int // spreads what is looked at now and then

	// Of one reading.
	errs        []error
	failed      int
	threadsRead int

	// Reused from reading to reading.
	tids   []int32
	fresh  []*guest
	iostat []kernel.IOStat
	blkio  []kernel.BlkioV1
	netdev []kernel.NetDev
	words  map[string]string // names of interfaces
	out    []model.Guest
}

var _ source.Source = (*Source)(nil)

// New returns the source of the containers below the given roots. The error
// wraps *source.Unavailable on a host without cgroups.
func New(opts Options) (*Source, error) {
	if opts.Recheck == 0 {
		opts.Recheck = 2 * time.Minute
	}
	if opts.Now == nil {
		opts.Now = sinceBoot
	}
	l, err := findLayout(opts.SysFS)
	if err != nil {
		return nil, &source.Unavailable{
			Reason: model.NotMounted,
			Remedy: "mount the host's /sys and name it with --path.sysfs",
			Err:    err,
		}
	}
	resolver := identity.NewResolver(opts.RootFS)
	s := &Source{
		opts: opts, layout: l, specs: l.specs(), resolver: resolver,
		files:      kernel.NewFiles(opts.OpenFiles),
		background: newBackground(opts, resolver),
		root:       &node{room: &room{maxDirs: hostDirs, maxGuests: math.MaxInt}},
		threads:    make(map[int32]*thread),
		names:      make(map[model.Name]*guest),
		undecided:  make(map[*node]time.Duration),
		refused:    make(map[*node]struct{}),
		ended:      make(map[model.Name]*ended),
		recent:     make(map[string]recent),
		pods:       make(map[*node]*pod),
		devices:    make(map[kernel.Device]device),
		stacked:    make(map[string][]string),
		dropped:    make(map[string]uint64),
		out:        make([]model.Guest, 0, 64),
		words:      make(map[string]string),
	}
	s.bootTime = bootTime(opts.ProcFS)
	s.openLog()
	s.probe()
	return s, nil
}

// Name returns the source's name.
func (s *Source) Name() string { return "cgroup" }

// Read reads all containers. See source.Source.
func (s *Source) Read(ctx context.Context) (model.Reading, error) {
	s.now = s.opts.Now()
	s.errs, s.failed = s.errs[:0], 0
	s.out = s.out[:0]
	s.background.patience = backgroundWait
	s.readKernelLog()
	s.readHost()
	if err := s.walk(ctx); err != nil {
		s.fail(err)
	}
	s.arrange()
	s.readPods()
	if err := s.nameFresh(ctx); err != nil {
		s.fail(err)
	}
	if err := s.readGuests(ctx); err != nil {
		s.fail(err)
	}
	s.dropExited()
	s.explainPods()
	s.out = s.appendEnded(s.out)
	return model.Reading{
		Guests: s.out, Features: s.features.list(s.now, s.opts.Recheck), Dropped: s.dropped, Collisions: s.collisions,
	}, s.errors()
}

// Close lets go of everything that is kept open.
func (s *Source) Close() error {
	s.root.each(func(n *node) {
		s.files.Close(&n.tids)
		s.files.Close(&n.oomControl)
	})
	for _, g := range s.guests {
		s.closeFiles(g)
	}
	for _, t := range s.threads {
		s.files.Close(&t.file)
	}
	s.log.close()
	return nil
}

// nameFresh names the guests that have no name yet. Their threads are read
// first: the oldest of a name keeps it.
func (s *Source) nameFresh(ctx context.Context) error {
	for _, g := range s.guests {
		if g.name.Guest != "" {
			continue
		}
		if ctx.Err() != nil {
			s.settleNames()
			return fmt.Errorf("naming guests: %w", context.Cause(ctx))
		}
		s.visit(g.outermost())
	}
	s.settleNames()
	return nil
}

// visit reads the usage and the threads of an outermost guest and of those in
// it, once in a reading.
func (s *Source) visit(g *guest) {
	if g.visited == s.gen {
		return
	}
	s.visitUsage(g)
	s.readThreads(g)
}

func (s *Source) visitUsage(g *guest) {
	g.visited = s.gen
	g.gone, g.anyRead = false, false
	s.readUsage(g)
	for _, inner := range g.inner {
		s.visitUsage(inner)
	}
}

// readGuests reads one outermost guest after the other, each with all that is
// in it, as far as the deadline allows. The next reading begins with the one
// that this one did not reach.
func (s *Source) readGuests(ctx context.Context) error {
	first, _ := slices.BinarySearchFunc(s.trees, s.next, func(g *guest, path string) int {
		return strings.Compare(g.node.path, path)
	})
	for i := range s.trees {
		g := s.trees[(first+i)%len(s.trees)]
		if ctx.Err() != nil {
			s.next = g.node.path
			return fmt.Errorf("reading guests: %d of %d were not reached: %w", len(s.trees)-i, len(s.trees), context.Cause(ctx))
		}
		s.visit(g)
		s.readTree(g)
	}
	s.next = ""
	return nil
}

// readTree reads a guest and those in it.
func (s *Source) readTree(g *guest) {
	if !g.ended && g.name.Guest != "" && s.readGuest(g) {
		s.out = append(s.out, g.out)
	}
	for _, inner := range g.inner {
		s.readTree(inner)
	}
}

// readGuest reads one guest. It is false for one that has ceased to exist.
func (s *Source) readGuest(g *guest) bool {
	g.out.Name = g.name
	s.readCPU(g, &g.out.CPU)
	s.readPressure(g, &g.out.Pressure)
	s.readMemory(g, &g.out.Memory)
	s.readIOLimits(g)
	g.out.IO = s.readIO(g, g.out.IO)
	g.out.IODelay = s.ioDelay(g)
	g.out.Network = s.readNetwork(g, g.out.Network[:0])
	g.out.State = s.readState(g)
	if g.startedAt != 0 && s.bootTime != 0 {
		g.out.StartTime = model.Some(s.bootTime + float64(g.startedAt)*tick.Seconds())
	}
	g.out.Info.Parent = ""
	if g.parent != nil {
		g.out.Info.Parent = g.parent.name.String()
	}
	s.noteNames(g)
	return !g.gone && (g.anyRead || !s.gone(g.node))
}

// readHost reads what is the same for all guests, now and then.
func (s *Source) readHost() {
	if s.hostAt != 0 && s.now < s.hostAt+s.opts.Recheck {
		return
	}
	s.hostAt = s.now
	clear(s.devices) // numbers of devices are used again
	clear(s.stacked)
	if b, err := s.files.ReadOnce(s.opts.SysFS, "/devices/system/cpu", "online"); err == nil {
		if n, err := kernel.ParseCPUList(b); err == nil {
			s.online = model.Some(float64(n))
		}
	}
	b, err := s.files.ReadOnce(s.opts.ProcFS, "/sys/kernel", "task_delayacct")
	s.delayacct = err == nil && len(b) > 0 && b[0] == '1'
	if s.hostNet, err = s.files.TaskInode(s.opts.ProcFS, 1, "net/dev"); err != nil {
		s.hostNet = 0
	}
}

// probe finds out what this host does not let us see, before any guest is read.
func (s *Source) probe() {
	l := &s.layout
	for id, h := range map[feature]hierarchy{featureThrottling: l.cpu, featureMemory: l.memory, featureIO: l.io, featureState: l.freezer} {
		if h.root == "" {
			s.features.lacks(id, model.NoController)
		}
	}
	switch pressure := filepath.Join(s.opts.ProcFS, "pressure"); {
	case l.unified.root == "":
		s.features.lacks(featurePressure, model.NotMounted)
	case !exists(pressure):
		s.features.lacks(featurePressure, model.PSIDisabled)
	}
	self, err := os.Readlink(filepath.Join(s.opts.ProcFS, "self"))
	if pid, convErr := strconv.Atoi(self); err == nil && convErr == nil && pid != os.Getpid() {
		// This /proc numbers processes in another namespace than the one in
		// which the cgroup files answer us.
		s.features.lacks(featureThreads, model.ForeignPIDNamespace)
	} else if !exists(filepath.Join(s.opts.ProcFS, "1/stat")) {
		s.features.lacks(featureThreads, model.NoPermission)
	} else if err == nil && !exists(filepath.Join(s.opts.ProcFS, "self/schedstat")) {
		s.features.lacks(featureThreads, model.NotSupported)
	}
}

// forEver is the time of what is seen once and stays.
const forEver = 1 << 62

func (s *Source) openLog() {
	log, err := openKernelLog(s.opts.RootFS)
	switch {
	case err == nil:
		s.log = log
		s.features.saw(featureOOMLog, forEver)
	case errors.Is(err, os.ErrPermission):
		s.features.lacks(featureOOMLog, model.NoPermission)
	default:
		s.features.lacks(featureOOMLog, model.NotSupported)
	}
}

// bootTime returns when the machine was booted, in seconds since the epoch, or
// 0 if that is not known.
func bootTime(procfs string) float64 {
	b, err := os.ReadFile(filepath.Join(procfs, "stat"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			t, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return t
		}
	}
	return 0
}

func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(ts.Nano())
}
