package libvirt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

// piped is a connection over which the given bytes come, so many at a time, and
// whatever is written is lost.
type piped struct {
	net.Conn
	rest  []byte
	piece int
}

func (p *piped) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.piece)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *piped) Write(b []byte) (int, error)      { return len(b), nil }
func (p *piped) SetWriteDeadline(time.Time) error { return nil }

// head returns the head of a packet.
func head(length, procedure, kind, serial, status uint32) []byte {
	var b []byte
	for _, v := range []uint32{length, remoteProgram, remoteVersion, procedure, kind, serial, status} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// through returns what comes through a guard after a request, and its verdict.
func through(t testing.TB, procedure uint32, in []byte, piece int) ([]byte, error) {
	t.Helper()
	g := newGuard(&piped{rest: bytes.Clone(in), piece: piece}, time.Minute)
	if _, err := g.Write(head(packetHead, procedure, 0, 7, 0)); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(g)
	if g.failure() == nil {
		t.Error("the guard lets go on after the end")
	}
	return out, err
}

// replyOf returns a real reply to the bulk call.
func replyOf(t testing.TB, domains []libvirtd.Domain) []byte {
	t.Helper()
	client, daemon := net.Pipe()
	s := &libvirtd.Server{}
	s.Add(domains...)
	s.Serve(&oneConn{conn: daemon, closed: make(chan struct{})})
	t.Cleanup(s.Stop)
	request := head(packetHead+12, procBulkStats, 0, 7, 0)
	request = binary.BigEndian.AppendUint32(request, 0)
	request = binary.BigEndian.AppendUint32(request, allGroups)
	request = binary.BigEndian.AppendUint32(request, bulkFlags)
	go client.Write(request)
	reply := make([]byte, 4)
	if _, err := io.ReadFull(client, reply); err != nil {
		t.Fatal(err)
	}
	reply = append(reply, make([]byte, binary.BigEndian.Uint32(reply)-4)...)
	if _, err := io.ReadFull(client, reply[4:]); err != nil {
		t.Fatal(err)
	}
	client.Close()
	return reply
}

// oneConn is a listener to which one client comes.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return nil }

func TestGuardPassesARealReplyInAnyPieces(t *testing.T) {
	reply := replyOf(t, libvirtd.Generate(3, 2, 2))
	for _, piece := range []int{1, 3, 4, 7, 4096, len(reply)} {
		out, err := through(t, procBulkStats, reply, piece)
		if !errors.Is(err, io.EOF) || !bytes.Equal(out, reply) {
			t.Errorf("in pieces of %d: %d of %d bytes, error %v", piece, len(out), len(reply), err)
		}
	}
}

func TestGuardTellsTheLibraryNothingThatItWouldTryAgain(t *testing.T) {
	client, daemon := net.Pipe()
	g := newGuard(client, time.Millisecond)
	_, err := g.Write(head(packetHead, 1, 0, 1, 0))          // which nobody reads
	if _, again := err.(*net.OpError); err == nil || again { //nolint:errorlint // as the library does
		t.Errorf("a write that was late: %T", err)
	}
	daemon.Close()
	if _, err := g.Read(make([]byte, 1)); err == nil {
		t.Error("it reads on after the connection has failed")
	}
}

func TestGuardRefusesASecondRequest(t *testing.T) {
	g := newGuard(&piped{piece: 1}, time.Minute)
	if _, err := g.Write(head(packetHead, 1, 0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(head(packetHead, 1, 0, 2, 0)); err == nil {
		t.Error("there may be two")
	}
}

func FuzzGuard(f *testing.F) {
	reply := replyOf(f, libvirtd.Generate(1, 1, 1))
	f.Add(uint32(procBulkStats), reply, 5)
	f.Add(uint32(procBulkStats), append(reply, reply...), 9)
	f.Add(uint32(procXMLDesc), head(packetHead, procXMLDesc, kindReply, 7, 0), 1)
	f.Add(uint32(procListDomains), append(head(packetHead+8, procListDomains, kindReply, 7, 0), 0, 0, 0, 0, 0, 0, 0, 0), 3)
	f.Add(uint32(procAuthList), append(head(packetHead+16, procAuthList, kindReply, 7, 1), make([]byte, 16)...), 64)
	f.Add(uint32(procMemoryStats), []byte{0, 0, 0, 27}, 2)
	f.Fuzz(func(t *testing.T, procedure uint32, in []byte, piece int) {
		whole, werr := through(t, procedure, in, len(in)+1)
		pieces, perr := through(t, procedure, in, 1+max(piece, -piece, 0)%64)
		if errors.Is(werr, errProtocol) != errors.Is(perr, errProtocol) {
			t.Errorf("at once: %v, in pieces: %v", werr, perr)
		}
		if !errors.Is(werr, errProtocol) && !bytes.Equal(whole, pieces) {
			t.Errorf("%d bytes at once, %d in pieces", len(whole), len(pieces))
		}
		if !bytes.HasPrefix(in, pieces) {
			t.Error("what came through is not what came in")
		}
	})
}
