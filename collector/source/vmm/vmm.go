package vmm

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// Options says what to read and how much.
type Options struct {
	ProcFS, RootFS string

	MaxGuests int // machines beyond are left out and counted
	OpenFiles int // kernel files that may stay open between readings

	// Within is the cgroup namespace in which the exporter is. The zero value means none.
	Within kernel.CgroupNamespace

	// Recheck is how often processes that were of no interest are looked at
	// again. 0 means two minutes.
	Recheck time.Duration

	// Now is the time since boot, suspend included, on which the start times
	// in /proc are based. nil means the kernel's own clock.
	Now func() time.Duration
}

// Source reads the virtual machines of this host.
type Source struct {
	opts     Options
	files    *kernel.Files
	args     *arguments
	resolver *identity.Resolver
	bootTime float64 // seconds since the epoch; 0 if unknown

	processes  map[int32]*process
	threads    map[int32]*thread
	machines   []*machine // the oldest first
	names      map[model.Name]*machine
	orphans    map[*process]struct{} // helpers whose machine is not known yet
	sockets    map[socketAt]*machine // of passthrough daemons
	features   features
	dropped    map[string]uint64
	collisions uint64

	gen        uint64
	now        time.Duration
	scannedAt  time.Duration  // the last scan that was whole; 0 for none
	waiting    bool           // a machine found no room
	turn       int            // spreads what is looked at now and then
	next       *machine       // with which the next reading begins: a deadline is fair
	tenants    map[tenant]int // machines of each
	seesAll    bool           // all processes of the host can be seen
	realProc   bool           // Options.ProcFS is the kernel's own
	ownPIDs    bool           // and numbers threads as they are numbered for us
	kernelPIDs bool           // Options.ProcFS numbers threads as the kernel does
	delayacct  bool           // the kernel accounts delays on block I/O
	delayAt    time.Duration

	// Of one reading.
	problems source.Problems
	tids     []int32
	tables   socketTables
	dirents  []byte
	mask     unix.CPUSetDynamic
	allowed  model.CPUSet
	comm     []byte // of the thread whose stat was read last, until the next file is read

	look []*process // to be examined
	out  []model.Guest
}

var _ source.Source = (*Source)(nil)

// New returns the source of the virtual machines among the processes of
// Options.ProcFS. The error wraps *source.Unavailable where there is no /proc.
func New(opts Options) (*Source, error) {
	if opts.Recheck == 0 {
		opts.Recheck = 2 * time.Minute
	}
	if opts.Now == nil {
		opts.Now = kernel.SinceBoot
	}
	s := &Source{
		opts:      opts,
		files:     kernel.NewFiles(opts.OpenFiles),
		args:      newArguments(opts.ProcFS),
		resolver:  identity.NewResolver(opts.RootFS),
		processes: make(map[int32]*process),
		threads:   make(map[int32]*thread),
		names:     make(map[model.Name]*machine),
		orphans:   make(map[*process]struct{}),
		tenants:   make(map[tenant]int),
		sockets:   make(map[socketAt]*machine),
		dropped:   map[string]uint64{"limit": 0},
		out:       make([]model.Guest, 0, 16),
		mask:      unix.NewCPUSet(maskCPUs),
	}
	if err := s.probe(); err != nil {
		return nil, err
	}
	return s, nil
}

// Name returns the source's name.
func (s *Source) Name() string { return "vmm" }

// Read reads all virtual machines. See source.Source.
func (s *Source) Read(ctx context.Context) (model.Reading, error) {
	s.now = s.opts.Now()
	s.gen++
	s.problems.Reset()
	s.out = s.out[:0]
	s.readHost()
	if err := s.scan(ctx); err != nil {
		s.problems.Add(err)
	}
	if err := s.readMachines(ctx); err != nil {
		s.problems.Add(err)
	}
	return model.Reading{
		Guests: s.out, Partial: !s.seesAll, Features: s.features.list(s.now, s.opts.Recheck), Dropped: s.dropped, Collisions: s.collisions,
	}, s.problems.Err()
}

// Close lets go of everything that is kept open.
func (s *Source) Close() error {
	for _, t := range s.threads {
		s.files.Close(&t.file)
	}
	for _, p := range s.processes {
		s.closeFiles(p)
	}
	return nil
}
