package libvirt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keepalive finds out within two minutes that a remote host has gone: libvirt's
// own keepalive is not spoken by the client library.
func keepalive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}
}

// unacknowledged is how long what was sent may stay so. Linux sends no keepalives
// meanwhile, and would try for a quarter of an hour (tcp(7), TCP_USER_TIMEOUT).
const unacknowledged = 2 * time.Minute

// limitUnacknowledged is a net.Dialer's Control.
func limitUnacknowledged(_, _ string, raw syscall.RawConn) error {
	var err error
	failed := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
	})
	return cmp.Or(failed, err)
}

// fixedDialer gives the client library the connection that was made for it.
type fixedDialer struct{ net.Conn }

// Dial returns the connection.
func (d fixedDialer) Dial() (net.Conn, error) { return d.Conn, nil }

// dial connects to the daemon. The library's own dialers have no context, wait
// without a limit in handshakes and leave SSH connections open.
func (e *endpoint) dial(ctx context.Context) (net.Conn, error) {
	switch e.transport {
	case "unix":
		return e.dialUnix(ctx)
	case "tcp":
		return e.dialTCP(ctx, "16509")
	case "tls":
		return e.dialTLS(ctx)
	default:
		return e.dialSSH(ctx)
	}
}

// dialUnix tries the sockets in their order. Of several errors the one is told
// that says most: a socket that may not be opened, then one behind which nobody
// listens.
func (e *endpoint) dialUnix(ctx context.Context) (net.Conn, error) {
	var refused, failed, missing error
	for _, path := range e.sockets {
		c, err := e.dialSocket(ctx, path)
		switch {
		case err == nil:
			e.setOwner(path)
			return c, nil
		case errors.Is(err, fs.ErrPermission):
			refused = cmp.Or(refused, err)
		case errors.Is(err, fs.ErrNotExist):
			missing = cmp.Or(missing, err)
		default:
			failed = cmp.Or(failed, err)
		}
	}
	return nil, cmp.Or(refused, failed, missing)
}

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", path)
}

// setOwner names the user whose session the daemon serves.
func (e *endpoint) setOwner(socket string) {
	if !e.session {
		return
	}
	uid := uint32(os.Geteuid())
	if st, err := os.Stat(socket); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			uid = sys.Uid
		}
	}
	e.scope = "user@" + strconv.FormatUint(uint64(uid), 10) + "/"
}

func (e *endpoint) dialTCP(ctx context.Context, port string) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: keepalive(), Control: limitUnacknowledged}
	return dialer.DialContext(ctx, "tcp", e.address(port))
}

func (e *endpoint) address(port string) string {
	return net.JoinHostPort(e.uri.Hostname(), cmp.Or(e.uri.Port(), port))
}

// within lets f use a connection that is being set up, and ends both when the
// context ends first: handshakes have no limits of their own.
func within(ctx context.Context, c net.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // f sees it
	err := f()
	if !stop() {
		return fmt.Errorf("the handshake was not done in time: %w", context.Cause(ctx))
	}
	if err != nil {
		_ = c.Close() // of no use any more
	}
	return err
}
