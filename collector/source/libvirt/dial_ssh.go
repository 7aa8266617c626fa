package libvirt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// dialSSH connects through SSH to the socket on the daemon's host. It takes keys
// from an agent and from files, and hosts from known_hosts; it reads no ssh
// configuration.
func (e *endpoint) dialSSH(ctx context.Context) (net.Conn, error) {
	config, done, err := e.sshConfig(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	raw, err := e.dialTCP(ctx, "22")
	if err != nil {
		return nil, err
	}
	var c net.Conn
	err = within(ctx, raw, func() error {
		link, channels, requests, err := ssh.NewClientConn(raw, e.address("22"), config)
		if err != nil {
			return err
		}
		client := ssh.NewClient(link, channels, requests)
		c, err = e.dialThrough(client)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("SSH to %s: %w", e.address("22"), err)
	}
	return c, nil
}

// dialThrough tries the sockets in their order.
func (e *endpoint) dialThrough(client *ssh.Client) (net.Conn, error) {
	var errs []error
	for _, path := range e.sockets {
		c, err := client.Dial("unix", path)
		if err == nil {
			return &sshConn{c, client}, nil
		}
		errs = append(errs, fmt.Errorf("opening %s there: %w", path, err))
	}
	_ = client.Close() // the error to tell is that of the sockets
	return nil, errors.Join(errs...)
}

// sshConn is a connection through SSH that ends SSH too.
type sshConn struct {
	net.Conn
	client *ssh.Client
}

// Close ends both. Closing the channel alone would wait for the other side.
func (c *sshConn) Close() error { return c.client.Close() }

// sshConfig says who we are and which hosts we know. done lets go of the agent.
func (e *endpoint) sshConfig(ctx context.Context) (config *ssh.ClientConfig, done func(), err error) {
	config = &ssh.ClientConfig{User: e.uri.User.Username()}
	if config.User == "" {
		if me, err := user.Current(); err == nil {
			config.User = me.Username
		}
	}
	if err := e.setHostKeys(config); err != nil {
		return nil, nil, err
	}
	signers, err := fileKeys(e.query.Get("keyfile"))
	if err != nil {
		return nil, nil, err
	}
	fromAgent, done := agentKeys(ctx)
	config.Auth = []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		return append(fromAgent(), signers...), nil
	})}
	if password, ok := e.uri.User.Password(); ok {
		config.Auth = append(config.Auth, ssh.Password(password))
	}
	return config, done, nil
}

// setHostKeys says by which keys the daemon's host is known.
func (e *endpoint) setHostKeys(config *ssh.ClientConfig) error {
	if e.noVerify || e.query.Get("known_hosts_verify") == "ignore" {
		config.HostKeyCallback = ssh.InsecureIgnoreHostKey()
		return nil
	}
	home, err := os.UserHomeDir()
	if err != nil && e.query.Get("known_hosts") == "" {
		return fmt.Errorf("finding known_hosts: %w", err)
	}
	path := cmp.Or(e.query.Get("known_hosts"), filepath.Join(home, ".ssh/known_hosts"))
	check, err := knownhosts.New(path)
	if err != nil {
		return fmt.Errorf("reading the known hosts: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the known hosts: %w", err)
	}
	config.HostKeyCallback = check
	if !bytes.Contains(text, []byte("@cert-authority")) { // then it may show a certificate of any kind
		config.HostKeyAlgorithms = knownAlgorithms(check, e.address("22"))
	}
	return nil
}

// knownAlgorithms returns the algorithms of the keys by which a host is known: it
// has keys of several kinds, of which ssh writes down one, and would show another.
func knownAlgorithms(check ssh.HostKeyCallback, address string) []string {
	var known *knownhosts.KeyError
	if !errors.As(check(address, &net.TCPAddr{IP: net.IPv4zero}, noKey{}), &known) {
		return nil
	}
	var algorithms []string
	for _, k := range known.Want {
		switch kind := k.Key.Type(); kind {
		case ssh.KeyAlgoRSA:
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			algorithms = append(algorithms, kind)
		}
	}
	return algorithms
}

// noKey is a key that no host has.
type noKey struct{}

// Type returns no kind of key.
func (noKey) Type() string { return "none" }

// Marshal returns nothing.
func (noKey) Marshal() []byte { return nil }

// Verify refuses all signatures.
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// fileKeys reads the key that is named, or those that ssh looks for and that
// need no passphrase.
func fileKeys(named string) ([]ssh.Signer, error) {
	if named != "" {
		key, err := readKey(named)
		if err != nil {
			return nil, err
		}
		return []ssh.Signer{key}, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, nil // no home, no keys
	}
	var keys []ssh.Signer
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		if key, err := readKey(filepath.Join(home, ".ssh", name)); err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func readKey(path string) (ssh.Signer, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the SSH key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, fmt.Errorf("reading the SSH key %s: %w", path, err)
	}
	return key, nil
}

// agentKeys returns the agent's keys, if one runs.
func agentKeys(ctx context.Context) (keys func() []ssh.Signer, done func()) {
	none := func() []ssh.Signer { return nil }
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return none, func() {}
	}
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return none, func() {}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // an agent may ask a person and wait
	return func() []ssh.Signer {
			signers, err := agent.NewClient(c).Signers()
			if err != nil {
				return nil
			}
			return signers
		}, func() {
			stop()
			_ = c.Close() // it was only read
		}
}
