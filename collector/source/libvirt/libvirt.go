package libvirt

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// Options says which daemons to read and how.
type Options struct {
	// URIs are connection URIs as libvirt writes them. With none, the daemons are
	// read whose sockets are found.
	URIs []string

	// RootFS is the root below which the sockets of local daemons are found.
	RootFS string

	// Metadata is what to pass on of the domains' <metadata>, each KEY=PATH. The
	// values are labels of the guest, in this order, behind LabelOffset others.
	Metadata    []string
	LabelOffset int

	// Timeout is how long a request may stay unanswered until it counts as stuck.
	// 0 means five seconds.
	Timeout time.Duration

	MaxGuests int // guests beyond are left out and counted; 0 is no limit

	// Now is the time, and DialUnix connects to a local socket. nil means the
	// system's.
	Now      func() time.Time
	DialUnix func(ctx context.Context, path string) (net.Conn, error)
}

// DefaultTimeout is Options.Timeout where none is given: half as long as a usual
// scrape may take.
const DefaultTimeout = 5 * time.Second

// Source reads the domains of libvirt daemons.
type Source struct {
	opts    Options
	labels  int // of a guest, the offset included
	daemons []*daemon
	known   []*machines // by daemon

	names      map[model.Name]owner
	dropped    map[string]uint64
	collisions uint64

	// Reused from reading to reading.
	results []*round
	shown   map[owner]bool
	out     []model.Guest
}

var _ source.Source = (*Source)(nil)

// New returns the source of the daemons that opts name or that are found. It
// connects to none of them. The error wraps *source.Unavailable on a host where
// none is named and none found; else it is a bad URI or path of metadata.
func New(opts Options) (*Source, error) {
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.DialUnix == nil {
		opts.DialUnix = dialUnix
	}
	metadata, err := parseMetadataPaths(opts.Metadata)
	if err != nil {
		return nil, err
	}
	endpoints, err := endpointsOf(opts)
	if err != nil {
		return nil, err
	}
	s := &Source{
		opts:    opts,
		labels:  opts.LabelOffset + len(metadata),
		names:   make(map[model.Name]owner),
		dropped: map[string]uint64{"limit": 0},
		shown:   make(map[owner]bool),
		out:     make([]model.Guest, 0, 64),
	}
	if len(metadata) == 0 {
		s.labels = 0
	}
	for _, e := range endpoints {
		e.dialSocket = opts.DialUnix
		s.daemons = append(s.daemons, newDaemon(context.Background(), e, &s.opts, metadata))
		s.known = append(s.known, newMachines(e))
	}
	return s, nil
}

// endpointsOf returns the daemons to read.
func endpointsOf(opts Options) ([]*endpoint, error) {
	if len(opts.URIs) == 0 {
		return findDaemons(opts.RootFS)
	}
	return parseURIs(opts.URIs, opts.RootFS)
}

// Name returns the source's name.
func (s *Source) Name() string { return "libvirt" }

// Read reads all domains of all daemons. See source.Source.
//
// A daemon that does not answer within the context's time is read on in the
// background. Until it answers, and when it cannot be talked to, its guests are
// those of its last answer if that is less than a minute old, and the error says
// so.
func (s *Source) Read(ctx context.Context) (model.Reading, error) {
	var errs []error
	rounds := make([]*round, len(s.daemons))
	for i, d := range s.daemons {
		rounds[i] = d.begin()
	}
	s.results = s.results[:0]
	for i, d := range s.daemons {
		got, err := d.collect(ctx, rounds[i])
		if err != nil {
			errs = append(errs, err)
		}
		s.results = append(s.results, got)
	}
	for i, got := range s.results {
		if got != nil && !got.taken {
			s.take(i, got)
		}
	}
	s.show()
	return model.Reading{
		Guests: s.out, Features: s.features(), Dropped: s.dropped, Collisions: s.collisions,
	}, joined(errs, len(s.daemons))
}

// joined returns the daemons' errors. The source is unavailable only if every
// daemon is.
func joined(errs []error, daemons int) error {
	isAbsent := func(err error) bool {
		var absent *source.Unavailable
		return errors.As(err, &absent)
	}
	if failed := slices.DeleteFunc(slices.Clone(errs), isAbsent); len(failed) > 0 {
		return errors.Join(failed...)
	}
	if len(errs) < daemons {
		return nil // what is not there was not asked for
	}
	return errors.Join(errs...)
}

// Close ends all connections and whatever waits for an answer.
func (s *Source) Close() error {
	for _, d := range s.daemons {
		d.close()
	}
	return nil
}
