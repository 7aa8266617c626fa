package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// endpoint is a daemon as a connection URI names it: where it listens, what it
// is asked to open, and how its domains are told from those of others.
type endpoint struct {
	text      string // the URI without user and password, for errors
	uri       *url.URL
	query     url.Values
	noVerify  bool                 // whoever answers is believed
	open      golibvirt.ConnectURI // what the daemon is asked to open
	driver    string               // qemu, xen, …
	transport string               // unix, tcp, tls, ssh, libssh or libssh2
	host      string               // where it is, empty for this one

	// sockets are the paths at which a local daemon may listen, the best first.
	// They lie below the root that the source was given, or on the other host.
	sockets []string

	session bool   // of one user: its scope is that of the socket's owner
	scope   string // stands before the names of its domains

	dialSocket func(ctx context.Context, path string) (net.Conn, error)

	// assumed is a daemon that nobody named: its socket was found.
	assumed bool
}

// knownDrivers are those of libvirt's daemons. Where esx, vpx and hyperv point to,
// no libvirt daemon listens.
const knownDrivers = " qemu xen lxc vbox ch test bhyve vz parallels openvz vmwareplayer vmwarews vmwarefusion "

// parseURI reads a connection URI as libvirt writes it,
// driver[+transport]://[user@][host][:port]/[path][?parameters]. Local sockets
// are looked for below root.
func parseURI(text, root string) (*endpoint, error) {
	u, err := url.Parse(text)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) { // its text has the password
			err = parse.Err
		}
		return nil, fmt.Errorf("libvirt URI %q: %w", withoutLogin(text), err)
	}
	e := &endpoint{text: withoutLogin(text), uri: u, open: golibvirt.RemoteURI(u)}
	if err := e.set(root); err != nil {
		return nil, fmt.Errorf("libvirt URI %q: %w", e.text, err)
	}
	return e, nil
}

// CheckURIs reports which of the connection URIs is wrong, or given twice.
func CheckURIs(texts []string) error {
	_, err := parseURIs(texts, "/")
	return err
}

// parseURIs reads connection URIs. One that is given twice is refused: the daemon
// would be asked, and have requests left in it, twice.
func parseURIs(texts []string, root string) ([]*endpoint, error) {
	all := make([]*endpoint, 0, len(texts))
	for _, text := range texts {
		e, err := parseURI(text, root)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other *endpoint) bool {
			return other.text == e.text && (!strings.Contains(e.transport, "ssh") || other.uri.User.Username() == e.uri.User.Username())
		}) {
			return nil, fmt.Errorf("libvirt URI %q: it is given twice", e.text)
		}
		all = append(all, e)
	}
	return all, nil
}

func (e *endpoint) set(root string) error {
	driver, transport, given := strings.Cut(e.uri.Scheme, "+")
	switch {
	case driver == "":
		return errPath
	case !strings.Contains(knownDrivers, " "+driver+" "):
		return fmt.Errorf("unknown driver %q", driver)
	case e.uri.Opaque != "":
		return errPath
	case !given && e.uri.Host == "":
		transport = "unix"
	case !given:
		transport = "tls"
	}
	e.driver, e.transport = driver, transport
	if err := e.setQuery(); err != nil {
		return err
	}
	e.setScope()
	switch transport {
	case "unix":
		if e.uri.Host != "" {
			return fmt.Errorf("a host, %s, with a socket of this one", e.uri.Hostname())
		}
		return e.setSockets(root)
	case "tcp", "tls", "ssh", "libssh", "libssh2":
		if e.uri.Hostname() == "" {
			return fmt.Errorf("no host for the transport %s", transport)
		}
		if !isLocal(e.uri.Hostname()) {
			e.host = strings.ToLower(e.uri.Hostname())
		}
		if strings.Contains(transport, "ssh") {
			return e.setSockets("")
		}
		return nil
	}
	return fmt.Errorf("unknown transport %q: want unix, tcp, tls or ssh", transport)
}

var errPath = errors.New("want driver:///path or driver://host/path")

// setQuery takes the parameters. One that cannot be read is not passed over: it
// might say where the daemon is, or that it is to be verified.
func (e *endpoint) setQuery() (err error) {
	if e.query, err = url.ParseQuery(e.uri.RawQuery); err != nil {
		return fmt.Errorf("its parameters: %w", err)
	}
	if v := e.query.Get("no_verify"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("no_verify=%s: want a number", label(v))
		}
		e.noVerify = n != 0
	}
	return nil
}

// setScope decides what stands before the names of the domains: nothing for the
// system's own.
func (e *endpoint) setScope() {
	switch p := strings.Trim(e.uri.Path, "/"); {
	case e.driver == "test":
		e.scope = "test/"
	case p == "session":
		e.session, e.scope = true, "session/"
	case p != "" && p != "system":
		e.scope = label(p) + "/"
	}
}

// setSockets lists where the daemon may listen.
func (e *endpoint) setSockets(root string) error {
	mode := strings.ToLower(e.query.Get("mode"))
	switch mode {
	case "", "auto", "legacy", "direct":
	default:
		return fmt.Errorf("unknown mode %q: want auto, legacy or direct", mode)
	}
	if s := e.query.Get("socket"); s != "" {
		if !path.IsAbs(s) {
			return fmt.Errorf("the socket %s is not an absolute path", s)
		}
		e.sockets = []string{below(root, s)}
		return nil
	}
	var names []string
	if modular := modularDaemon(e.driver); modular != "" && mode != "legacy" {
		names = append(names, modular)
	}
	if mode != "direct" {
		names = append(names, "libvirt")
	}
	e.sockets = socketPaths(root, names, e.session)
	return nil
}

// isLocal reports whether a host's name is always that of the host itself.
func isLocal(host string) bool {
	switch strings.ToLower(host) {
	case "localhost", "localhost.localdomain", "127.0.0.1", "::1":
		return true
	}
	return false
}

// withoutLogin removes user and password from a URI, also from one that does not
// parse.
func withoutLogin(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	before, query, asked := strings.Cut(rest, "?")
	before = before[strings.LastIndexByte(before, '@')+1:]
	if asked {
		before += "?" + query[strings.LastIndexByte(query, '@')+1:]
	}
	return scheme + "://" + before
}
