package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// errLate is the error of a request that the daemon did not answer in time.
var errLate = errors.New("the daemon does not answer")

// conn is a connection to a daemon. One request at a time is made over it, and
// none once one was late.
type conn struct {
	virt   *golibvirt.Libvirt
	guard  *guard
	driver string // as the daemon calls it: QEMU, Xen, …

	proven bool // a round was read over it

	// Of a request that was late.
	kind     procedure
	asked    time.Time
	heldAt   time.Time     // by the daemon's clock
	answered chan struct{} // closed when it has come to an end
	answerAt time.Time     // when that was, once it is closed
}

// procedure is a kind of request.
type procedure int

const (
	connecting  procedure = iota
	listing               // priority, as connecting: there are workers for it that no monitor clogs
	stating               // of one domain, priority too
	bulk                  // may wait for a monitor
	bulkJobFree           // the bulk call for what no monitor is asked
	describing            // and the rest are of one domain
	readingInfo
	readingMemory
	readingDisk
	readingInterface
)

func (p procedure) String() string {
	switch p {
	case connecting:
		return "connecting"
	case listing:
		return "listing domains"
	case stating:
		return "asking for a domain's state"
	case bulk, bulkJobFree:
		return "reading statistics"
	case describing:
		return "reading a domain's XML"
	case readingInfo:
		return "reading a domain's info"
	case readingMemory:
		return "reading a domain's memory"
	case readingDisk:
		return "reading a domain's disk"
	default:
		return "reading a domain's interface"
	}
}

// open connects, and asks what driver answers. If that is late, it is held.
func (d *daemon) open() (*conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
	defer cancel()
	raw, err := d.endpoint.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &conn{guard: newGuard(raw, d.timeout)}
	c.virt = golibvirt.NewWithDialer(fixedDialer{c.guard})
	_, err = ask(d, c, connecting, d.timeout, func(v *golibvirt.Libvirt) (struct{}, error) {
		return struct{}{}, v.ConnectToURI(d.endpoint.open)
	})
	if err == nil {
		c.driver, err = ask(d, c, connecting, d.timeout, (*golibvirt.Libvirt).ConnectGetType)
	}
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, errLate):
		d.hold(c) // a worker may be busy with it, and closing would not end that
	default:
		c.close()
	}
	return nil, err
}

// ask makes one request and waits for the answer. The error wraps errLate if
// none came in time: then the connection is waiting for it, and must be held.
func ask[T any](d *daemon, c *conn, kind procedure, patience time.Duration, request func(*golibvirt.Libvirt) (T, error)) (T, error) {
	type reply struct {
		value T
		err   error
	}
	var none T
	answered := make(chan struct{})
	got := make(chan reply, 1)
	asked := time.Now()
	d.running.Go(func() {
		value, err := request(c.virt)
		got <- reply{value, err}
		c.answerAt = time.Now()
		close(answered)
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for came, more := c.guard.came.Load(), patienceMost; ; {
		select {
		case r := <-got:
			<-answered
			if r.err != nil {
				return none, c.explain(kind, r.err)
			}
			return r.value, nil
		case <-timer.C:
			if more--; more > 0 && c.guard.came.Load() > came { // a long answer, or a slow line
				came = c.guard.came.Load()
				timer.Reset(patience)
				continue
			}
			if c.guard.begun.Load() { // no worker is busy with it any more
				_ = c.guard.fail(fmt.Errorf("%w: its answer ends in the middle", errProtocol))
				c.close()
				return none, c.explain(kind, errClosed)
			}
			c.kind, c.asked, c.answered = kind, asked, answered
			return none, fmt.Errorf("%v: %w within %v", kind, errLate, patience)
		case <-d.ctx.Done():
			c.close()
			return none, context.Cause(d.ctx)
		}
	}
}

// explain says why a request failed. Where the daemon did not say so, the library
// knows only that the connection has ended, and the guard knows why.
func (c *conn) explain(kind procedure, err error) error {
	var said golibvirt.Error
	if errors.As(err, &said) {
		said.Message = label(said.Message[:min(len(said.Message), 300)])
		return fmt.Errorf("%v: %w", kind, said)
	}
	if broken := c.guard.failure(); broken != nil {
		return fmt.Errorf("%v: %w", kind, broken)
	}
	return fmt.Errorf("%v: %w", kind, err)
}

// broken reports whether nothing can be asked over the connection any more.
func (c *conn) broken() bool { return c.guard.failure() != nil }

// close ends the connection, and with it whatever waits for an answer over it.
// The library's own Disconnect would ask the daemon first.
func (c *conn) close() {
	_ = c.guard.fail(errClosed)
	_ = c.guard.Close() // it may be broken already
}

var errClosed = errors.New("the connection was closed")

// lacksIt reports whether an error says that the driver or the daemon does not
// know a request at all.
func lacksIt(err error) bool {
	var said golibvirt.Error
	return errors.Is(err, golibvirt.ErrUnsupported) ||
		errors.As(err, &said) && said.Code == uint32(golibvirt.ErrNoSupport)
}

// isGone reports whether an error says that a domain has ended meanwhile.
func isGone(err error) bool {
	var said golibvirt.Error
	return errors.As(err, &said) &&
		(said.Code == uint32(golibvirt.ErrNoDomain) || said.Code == uint32(golibvirt.ErrOperationInvalid))
}
