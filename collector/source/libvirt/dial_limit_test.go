package libvirt

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatIsSentToARemoteHostDoesNotStayUnacknowledgedForLong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e, err := parseURI("qemu+tcp://"+l.Addr().String()+"/system", "/")
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var ms int
	if failed := raw.Control(func(fd uintptr) { ms, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	if ms != 120_000 {
		t.Errorf("the limit is %d ms", ms)
	}
}
