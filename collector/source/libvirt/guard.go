package libvirt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The remote protocol: each packet begins with its length and six words.
const (
	packetHead = 28
	maxPacket  = 32 << 20 // libvirt's own limit for a message

	remoteProgram = 0x20008086
	remoteVersion = 1

	kindReply = 1

	statusOK    = 0
	statusError = 1
)

// The procedures whose replies have a structure that is checked.
const (
	procGetType     = 3
	procXMLDesc     = 14
	procAuthList    = 66
	procMemoryStats = 159
	procListDomains = 273
	procBulkStats   = 344
)

// errProtocol is wrapped by the errors of connections whose daemon said what no
// libvirt says.
var errProtocol = errors.New("the daemon does not speak libvirt's protocol")

// guard is a connection that lets nothing through but the one reply to the one
// request that is under way. Without it the client library panics on a packet
// that is shorter than its head, allocates whatever it is told to, and locks up
// when a reply comes twice.
//
// It ends on the first violation, and its errors are never of the type
// *net.OpError, upon which the library might try again without end.
type guard struct {
	net.Conn
	patience time.Duration // for writing

	came  atomic.Int64 // bytes that were read
	begun atomic.Bool  // a part of a packet was read, and not its end

	mu     sync.Mutex // the library reads and writes in two goroutines
	asked  request    // the request that is under way
	out    [packetHead]byte
	outAt  int   // bytes of out that are there
	outAll int   // bytes of the packet that is being written that are still to come
	err    error // why nothing can be read any more

	// Of the reading goroutine.
	head   [packetHead]byte
	headAt int
	body   int // bytes of the packet that are still to come
	word   [4]byte
	wordAt int
	check  checker
}

// request is what a reply must match.
type request struct {
	procedure, serial uint32
	waiting           bool
}

func newGuard(c net.Conn, patience time.Duration) *guard {
	return &guard{Conn: c, patience: patience}
}

// Read reads a part of a reply. What it returns has been checked.
func (g *guard) Read(p []byte) (int, error) {
	if err := g.failure(); err != nil {
		return 0, err
	}
	n, err := g.Conn.Read(p)
	g.came.Add(int64(n))
	if bad := g.inspect(p[:n]); bad != nil {
		return 0, g.fail(fmt.Errorf("%w: it sent %w", errProtocol, bad))
	}
	g.begun.Store(g.headAt > 0 || g.body > 0)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && g.begun.Load():
		err = io.ErrUnexpectedEOF
	}
	return n, g.fail(fmt.Errorf("the connection ended: %w", err))
}

// inspect follows the packets through the bytes that came.
func (g *guard) inspect(p []byte) error {
	for len(p) > 0 {
		if g.body == 0 {
			n := copy(g.head[g.headAt:], p)
			g.headAt += n
			p = p[n:]
			if err := g.inspectLength(); err != nil {
				return err
			}
			if g.headAt < packetHead {
				return nil
			}
			g.headAt = 0
			if err := g.begin(); err != nil {
				return err
			}
			continue
		}
		n := min(len(p), g.body)
		if err := g.inspectBody(p[:n]); err != nil {
			return err
		}
		g.body -= n
		p = p[n:]
		if g.body == 0 {
			if err := g.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inspectLength looks at a packet's length as soon as it is there: the rest of
// the head may never come.
func (g *guard) inspectLength() error {
	if g.headAt < 4 {
		return nil
	}
	length := binary.BigEndian.Uint32(g.head[:])
	if length < packetHead || length > maxPacket || length%4 != 0 {
		return fmt.Errorf("a packet of %d bytes", length)
	}
	return nil
}

// begin checks a packet's head against the request.
func (g *guard) begin() error {
	field := func(i int) uint32 { return binary.BigEndian.Uint32(g.head[4*i:]) }
	procedure, serial, status := field(3), field(5), field(6)
	g.mu.Lock()
	asked := g.asked
	g.mu.Unlock()
	switch {
	case field(1) != remoteProgram || field(2) != remoteVersion:
		return fmt.Errorf("a packet of program %#x, version %d", field(1), field(2))
	case field(4) != kindReply:
		return fmt.Errorf("a packet of type %d", field(4))
	case !asked.waiting || serial != asked.serial || procedure != asked.procedure:
		return fmt.Errorf("a reply to request %d of procedure %d, which nobody made", serial, procedure)
	case status != statusOK && status != statusError:
		return fmt.Errorf("a reply with status %d", status)
	}
	shape := shapeOf(procedure)
	if status == statusError {
		shape = shapeOfError()
	}
	g.body = int(binary.BigEndian.Uint32(g.head[:])) - packetHead
	g.check.start(shape, g.body)
	if g.body == 0 {
		return g.end()
	}
	return nil
}

func (g *guard) inspectBody(p []byte) error {
	for len(p) > 0 {
		if g.wordAt == 0 {
			if n := 4 * g.check.pass(len(p)/4); n > 0 {
				p = p[n:]
				continue
			}
			if len(p) >= 4 {
				if err := g.check.word(binary.BigEndian.Uint32(p)); err != nil {
					return err
				}
				p = p[4:]
				continue
			}
		}
		n := copy(g.word[g.wordAt:], p)
		g.wordAt += n
		p = p[n:]
		if g.wordAt < len(g.word) {
			return nil
		}
		g.wordAt = 0
		if g.check.pass(1) == 1 {
			continue
		}
		if err := g.check.word(binary.BigEndian.Uint32(g.word[:])); err != nil {
			return err
		}
	}
	return nil
}

// end ends a reply: the next one needs another request. It is called before the
// library has the last byte, hence before it can make that request.
func (g *guard) end() error {
	g.mu.Lock()
	g.asked.waiting = false
	g.mu.Unlock()
	return g.check.end()
}

// Write writes a part of a request, and notes which reply may come.
func (g *guard) Write(p []byte) (int, error) {
	if err := g.note(p); err != nil {
		return 0, err
	}
	// Some connections, of SSH for one, know no deadlines.
	_ = g.SetWriteDeadline(time.Now().Add(g.patience))
	n, err := g.Conn.Write(p)
	if err != nil {
		err = g.fail(fmt.Errorf("writing to the daemon: %w", err))
	}
	return n, err
}

// note follows the packets through the bytes that are written.
func (g *guard) note(p []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return g.err
	}
	for len(p) > 0 {
		if g.outAll > 0 {
			n := min(g.outAll, len(p))
			g.outAll -= n
			p = p[n:]
			continue
		}
		n := copy(g.out[g.outAt:], p)
		g.outAt += n
		p = p[n:]
		if g.outAt < packetHead {
			return nil
		}
		g.outAt = 0
		g.outAll = int(binary.BigEndian.Uint32(g.out[:])) - packetHead
		if g.asked.waiting {
			return errors.New("a second request while the first is not answered")
		}
		g.asked = request{
			procedure: binary.BigEndian.Uint32(g.out[12:]), serial: binary.BigEndian.Uint32(g.out[20:]), waiting: true,
		}
	}
	return nil
}

// fail keeps the first error of the connection and returns it.
func (g *guard) fail(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	return g.err
}

// failure returns why the connection is of no use any more, or nil.
func (g *guard) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}
