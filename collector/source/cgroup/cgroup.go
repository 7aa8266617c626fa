package cgroup

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/cgroups/v3"

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

// Source reads the containers of this host, and what the cgroups of its virtual
// machines say of them.
type Source struct {
	opts       Options
	layout     layout
	specs      [numFiles]fileSpec
	files      *kernel.Files
	resolver   *identity.Resolver
	background *background
	log        *kernelLog
	bootTime   float64 // seconds since the epoch

	root         *node
	guests       []*guest // in the order of their paths
	trees        []*guest // the outermost of them
	live         int      // those that have not ended
	changed      bool     // the two lists must be made anew
	unitsChanged bool     // … and that of units
	threads      map[int32]*thread
	names        map[model.Name]*guest
	undecided    map[*node]time.Duration
	refused      map[*node]struct{}
	vacant       map[*node]*vacancy
	ended        map[model.Name]*ended
	recent       map[string]recent
	pods         map[*node]*pod
	devices      map[kernel.Device]device
	stacked      map[string][]string
	units        []*unit                 // in the order of their paths
	sets         map[string]model.CPUSet // by the text that lists them
	features     features
	dropped      map[string]uint64
	collisions   uint64

	gen                  uint64
	now                  time.Duration
	walkedAt, prevWalkAt time.Duration
	walkedOnce           bool
	next                 string // path of the guest with which the next reading begins: a deadline is fair
	online               model.CPUSet
	delayacct            bool   // the kernel accounts delays on block I/O
	hostNet              uint64 // inode of a file of the host's network namespace
	hostAt               time.Duration
	manyNodes            bool // the host has more than one NUMA node
	turn                 int  // spreads what is looked at now and then

	// Of one reading.
	problems    source.Problems
	threadsRead int
	unplaced    []string // cgroups of OOM kills in which no guest is known yet

	// Reused from reading to reading.
	tids       []int32
	fresh      []*guest
	iostat     []kernel.IOStat
	blkio      []kernel.BlkioV1
	netdev     []kernel.NetDev
	nodes      []kernel.NodeBytes
	words      map[string]string // names of interfaces
	union      model.CPUSet
	candidates []candidate
	out        []model.Guest
	outUnits   []model.Unit
}

var _ source.Source = (*Source)(nil)

// New returns the source of the guests below the given roots. The error
// wraps *source.Unavailable on a host without cgroups.
func New(opts Options) (*Source, error) {
	if opts.Recheck == 0 {
		opts.Recheck = 2 * time.Minute
	}
	if opts.Now == nil {
		opts.Now = kernel.SinceBoot
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
		files:        kernel.NewFiles(opts.OpenFiles),
		background:   newBackground(opts, resolver),
		root:         &node{room: &room{maxDirs: hostDirs, maxGuests: math.MaxInt}},
		threads:      make(map[int32]*thread),
		names:        make(map[model.Name]*guest),
		undecided:    make(map[*node]time.Duration),
		refused:      make(map[*node]struct{}),
		vacant:       make(map[*node]*vacancy),
		ended:        make(map[model.Name]*ended),
		recent:       make(map[string]recent),
		pods:         make(map[*node]*pod),
		devices:      make(map[kernel.Device]device),
		stacked:      make(map[string][]string),
		dropped:      map[string]uint64{"limit": 0, "directories": 0},
		out:          make([]model.Guest, 0, 64),
		words:        make(map[string]string),
		sets:         make(map[string]model.CPUSet),
		unitsChanged: true,
	}
	if b, err := os.ReadFile(filepath.Join(opts.ProcFS, "stat")); err == nil {
		s.bootTime = kernel.BootTime(b)
	}
	s.openLog()
	s.probe()
	return s, nil
}

// Name returns the source's name.
func (s *Source) Name() string { return "cgroup" }

// Read reads all guests. See source.Source.
func (s *Source) Read(ctx context.Context) (model.Reading, error) {
	s.now = s.opts.Now()
	s.problems.Reset()
	s.out = s.out[:0]
	s.background.patience = backgroundWait
	s.readKernelLog()
	s.readHost()
	walkErr := s.walk(ctx)
	if walkErr != nil {
		s.problems.Add(walkErr)
	}
	s.placeKills()
	s.arrange()
	var units []model.Unit
	if walkErr == nil {
		units = s.readUnits()
	}
	s.readPods()
	if err := s.nameFresh(ctx); err != nil {
		s.problems.Add(err)
	}
	if err := s.readGuests(ctx); err != nil {
		s.problems.Add(err)
	}
	s.dropExited()
	s.explainPods()
	s.out = s.appendEnded(s.out)
	return model.Reading{
		Guests: s.out, Units: units, Features: s.features.list(s.now, s.opts.Recheck), Dropped: s.dropped, Collisions: s.collisions,
	}, s.problems.Err()
}

// Close lets go of everything that is kept open.
func (s *Source) Close() error {
	s.root.each(func(n *node) {
		s.files.Close(&n.tids)
		s.files.Close(&n.oomControl)
		s.files.Close(&n.heldFile)
	})
	for _, g := range s.guests {
		s.closeFiles(g)
	}
	for _, u := range s.units {
		s.closeUnit(u)
	}
	for _, t := range s.threads {
		s.files.Close(&t.file)
	}
	s.log.close()
	return nil
}
