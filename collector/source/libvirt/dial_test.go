package libvirt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

// oneDomain returns a daemon with one domain that does not listen yet.
func oneDomain(t *testing.T) *host {
	t.Helper()
	h := newHost(t, &libvirtd.Server{})
	h.Add(libvirtd.Generate(1, 1, 1)...)
	return h
}

// pkiDir makes a directory with a certificate of 127.0.0.1 that serves as
// authority, daemon and client.
func pkiDir(t *testing.T) (dir string, cert tls.Certificate) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cacert.pem":     {Type: "CERTIFICATE", Bytes: der},
		"clientcert.pem": {Type: "CERTIFICATE", Bytes: der},
		"clientkey.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// verdictListener accepts with TLS and says whether it accepts the certificate.
type verdictListener struct {
	net.Listener
	verdict byte
}

func (l verdictListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		_, err = c.Write([]byte{l.verdict})
	}
	return c, err
}

func TestTLS(t *testing.T) {
	for verdict, want := range map[byte]string{1: "", 0: "refuses our certificate"} {
		h := oneDomain(t)
		dir, cert := pkiDir(t)
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert})
		if err != nil {
			t.Fatal(err)
		}
		h.Serve(verdictListener{l, verdict})
		s := h.open(t, func(o *libvirt.Options) {
			o.URIs = []string{"qemu+tls://" + l.Addr().String() + "/system?pkipath=" + dir}
		})
		r, err := s.Read(t.Context())
		if want == "" && (err != nil || len(r.Guests) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("verdict %d: %d guests, error %v", verdict, len(r.Guests), err)
		}
		s.Close()
	}
}

func TestNamedCertificatesMustBeThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	empty := t.TempDir()
	s := oneDomain(t).open(t, func(o *libvirt.Options) {
		o.URIs = []string{"qemu+tls://" + l.Addr().String() + "/system?pkipath=" + empty}
	})
	if _, err := s.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "no certificate authority in "+empty) {
		t.Errorf("error %v", err)
	}
}

func TestSSH(t *testing.T) {
	h := oneDomain(t).listen(t)
	dir := t.TempDir()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); forward(l, signer, ecdsaSigner(t)) }()
	t.Cleanup(func() { l.Close(); <-ended })
	// The host has two keys. OpenSSH writes down the one that it was shown.
	known := knownhosts.Line([]string{l.Addr().String()}, signer.PublicKey())
	for name, text := range map[string]string{"key": string(pem.EncodeToMemory(key)), "known": known + "\n", "others": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	uri := "qemu+ssh://me@" + l.Addr().String() + "/system?socket=" + h.socket("libvirt-sock-ro") + "&keyfile=" + dir + "/key&known_hosts=" + dir
	s := h.open(t, func(o *libvirt.Options) { o.URIs = []string{uri + "/known"} })
	if r := read(t, s); len(r.Guests) != 1 {
		t.Errorf("%d guests", len(r.Guests))
	}
	s.Close()
	s = h.open(t, func(o *libvirt.Options) { o.URIs = []string{uri + "/others"} })
	if _, err := s.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "key is unknown") {
		t.Errorf("a host that nobody knows: %v", err)
	}
}

func ecdsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// forward is an SSH server that takes any key and connects to sockets.
func forward(l net.Listener, keys ...ssh.Signer) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	for _, key := range keys {
		config.AddHostKey(key)
	}
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		_, channels, requests, err := ssh.NewServerConn(raw, config)
		if err != nil {
			raw.Close()
			continue
		}
		go ssh.DiscardRequests(requests)
		for c := range channels {
			var to struct {
				Path     string
				Reserved string
				Port     uint32
			}
			ssh.Unmarshal(c.ExtraData(), &to)
			conn, err := net.Dial("unix", to.Path)
			if err != nil {
				c.Reject(ssh.ConnectionFailed, err.Error())
				continue
			}
			ch, in, err := c.Accept()
			if err != nil {
				conn.Close()
				continue
			}
			go ssh.DiscardRequests(in)
			go func() { io.Copy(ch, conn); ch.Close() }()
			go func() { io.Copy(conn, ch); conn.Close() }()
		}
	}
}

func TestHandshakesThatDoNotEnd(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // which accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	dir, _ := pkiDir(t)
	h := oneDomain(t)
	for _, uri := range []string{
		"qemu+tls://" + l.Addr().String() + "/system?pkipath=" + dir,
		"qemu+ssh://" + l.Addr().String() + "/system?no_verify=1",
		"qemu+tcp://" + l.Addr().String() + "/system",
	} {
		s := h.open(t, hurry, func(o *libvirt.Options) { o.URIs = []string{uri} })
		if _, err := readWithin(t, s, 10*time.Second); err == nil {
			t.Errorf("%s: no error", uri)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
