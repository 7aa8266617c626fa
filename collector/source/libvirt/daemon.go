package libvirt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// daemon is one libvirt daemon, which is read by one round at a time. But for
// current, last and known, which are Read's, everything belongs to the round under way.
type daemon struct {
	endpoint *endpoint
	metadata []metadataPath
	timeout  time.Duration
	now      func() time.Time

	ctx     context.Context //nolint:containedctx // ends with the source, not with a reading
	stop    context.CancelCauseFunc
	running sync.WaitGroup // the round and the requests that are not answered

	current *round // the one that was begun last, or nil
	last    *round // the one that ended last, or nil
	known   *round // the one that ended last and brought records, or nil

	conn     *conn         // nil while there is none
	held     []*conn       // those whose request was late
	patience time.Duration // for the bulk call

	driver string             // what answered when it was last connected to
	lacks  map[procedure]bool // what that driver does not support

	seen    bool          // it has been connected to once
	lastErr error         // why there is no connection
	delay   time.Duration // from the last attempt to the next
	retryAt time.Time

	inventory inventory
}

// The time from one attempt to connect to the next.
const (
	leastDelay = time.Second
	mostDelay  = 30 * time.Second
)

func newDaemon(ctx context.Context, e *endpoint, opts *Options, metadata []metadataPath) *daemon {
	d := &daemon{endpoint: e, metadata: metadata, timeout: opts.Timeout, patience: opts.Timeout, now: opts.Now}
	d.lacks = make(map[procedure]bool)
	d.ctx, d.stop = context.WithCancelCause(ctx)
	d.inventory.domains = make(map[uuid]*domain)
	return d
}

// round is one reading of a daemon. What it brings is there when it is done, and
// does not change any more.
type round struct {
	done    chan struct{}
	joined  bool      // it was begun for an earlier reading; Read's own
	asked   time.Time // when the daemon was asked for what records hold
	records []record
	whole   bool // records has every domain there is
	driver  string
	scope   string
	noBulk  bool
	err     error
	absent  bool // nobody named the daemon, and it has never been there

	taken bool // Read has made guests of it
}

// begin returns the round under way, or a new one.
func (d *daemon) begin() *round {
	if d.current != nil {
		select {
		case <-d.current.done:
			d.ended(d.current)
		default:
			d.current.joined = true
			return d.current
		}
	}
	r := &round{done: make(chan struct{})}
	d.current = r
	d.running.Go(func() {
		defer close(r.done)
		d.read(r)
		r.absent = d.endpoint.assumed && !d.seen && isAbsent(r.err)
	})
	return r
}

// await waits for a round as long as the context allows and reports whether it
// has ended.
func (d *daemon) await(ctx context.Context, r *round) bool {
	select {
	case <-r.done:
	case <-ctx.Done():
		select {
		case <-r.done: // both: it was in time
		default:
			return false
		}
	}
	d.ended(r)
	return true
}

// ended notes a round that has ended.
func (d *daemon) ended(r *round) {
	d.last = r
	if r.records != nil {
		d.known = r
	}
}

// close ends the daemon's round and connections, and waits until they have.
func (d *daemon) close() {
	d.stop(errClosed)
	if d.current != nil {
		<-d.current.done
	}
	for _, c := range d.held {
		c.close()
	}
	d.held = nil
	d.drop()
	d.running.Wait()
}

// connect makes a connection unless there is one. While earlier attempts have no
// answer, it makes none, and while the last one is too recent, its error is this
// one's too.
func (d *daemon) connect() error {
	if d.conn != nil && !d.conn.broken() {
		return nil
	}
	d.drop()
	if err := d.ctx.Err(); err != nil {
		return context.Cause(d.ctx)
	}
	if !d.may(connecting) {
		return fmt.Errorf("%v: %w", connecting, errHeld)
	}
	if wait := d.retryAt.Sub(d.now()); wait > 0 && d.lastErr != nil {
		return fmt.Errorf("%w (next attempt in %v)", d.lastErr, wait.Round(time.Second))
	}
	c, err := d.open()
	if err != nil {
		d.failed(err)
		return err
	}
	if c.driver != d.driver {
		clear(d.lacks)
	}
	d.conn, d.seen, d.driver = c, true, c.driver
	return nil
}

// drop closes the connection. What comes next may be another daemon, which knows
// more.
func (d *daemon) drop() {
	if d.conn != nil {
		d.conn.close()
		d.conn = nil
		clear(d.lacks)
	}
}

// failed notes that the daemon could not be talked to, and when that is to be
// tried again: ever later, and not at the same moment on many hosts.
func (d *daemon) failed(err error) {
	d.lastErr = err
	d.delay = min(max(2*d.delay, leastDelay), mostDelay)
	d.retryAt = d.now().Add(d.delay/2 + rand.N(d.delay/2))
}

// worked notes that the daemon answers.
func (d *daemon) worked() { d.lastErr, d.delay = nil, 0 }

// describe says which daemon an error is of.
func (d *daemon) describe(err error) error { return fmt.Errorf("libvirt %s: %w", d.endpoint.text, err) }

// failure returns what went wrong in a round. A daemon that nobody named and that
// has never been there is no failure: its socket was left behind.
func (d *daemon) failure(r *round) error {
	switch {
	case r.err == nil:
		return nil
	case r.absent:
		return &source.Unavailable{
			Reason: model.NoDaemon, Remedy: "start the daemon, or turn the source libvirt off", Err: d.describe(r.err),
		}
	}
	return d.describe(r.err)
}

// ailing is how long a reading waits for a daemon that did not answer the last
// time: the scrape is not for it alone, and the round goes on. What was asked for
// an earlier reading, and longer ago than that, does not pass for this one's.
const ailing = time.Second

// stale is how long figures may be used that no newer ones replace.
const stale = time.Minute

// collect returns what is to be used of a round that has begun: what it brought,
// or, if it is late or brought nothing, what the last one brought that did, if
// that is not too old. It returns nil if there is nothing. Figures that are older
// than this reading come with an error.
func (d *daemon) collect(ctx context.Context, r *round) (*round, error) {
	before := d.known
	if d.last != nil && !d.last.whole {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, ailing)
		defer cancel()
	}
	switch {
	case !d.await(ctx, r):
		return d.instead(before, errTardy)
	case r.records == nil && before != nil && d.age(before) <= stale:
		return d.instead(before, r.err)
	case r.err == nil && r.joined && d.age(r) > ailing:
		return d.instead(r, errTardy)
	}
	return r, d.failure(r)
}

// instead returns what there is in place of figures that err keeps away.
func (d *daemon) instead(there *round, err error) (*round, error) {
	if there == nil {
		return nil, d.describe(err)
	}
	age := d.age(there)
	if age > stale {
		return nil, d.describe(fmt.Errorf("%w, and what is known of it is %v old", err, age.Round(time.Second)))
	}
	return there, d.describe(fmt.Errorf("%w: its figures are %v old", err, age.Round(time.Second)))
}

// age is how long ago the daemon was asked for a round's figures.
func (d *daemon) age(r *round) time.Duration { return d.now().Sub(r.asked) }

// errTardy is the error of a reading that does not wait for its round.
var errTardy = errors.New("the daemon is late")

// errHeld is the error of a request that is not made because others wait for
// their answers.
var errHeld = errors.New("earlier requests are not answered yet")
