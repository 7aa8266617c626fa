package libvirt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// dialTLS connects to a daemon with the client's certificate, as libvirt does:
// see https://libvirt.org/kbase/tlscerts.html.
func (e *endpoint) dialTLS(ctx context.Context) (net.Conn, error) {
	config, err := e.tlsConfig()
	if err != nil {
		return nil, err
	}
	raw, err := e.dialTCP(ctx, "16514")
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, config)
	err = within(ctx, raw, func() error {
		if err := c.HandshakeContext(ctx); err != nil {
			return err
		}
		return accepted(c)
	})
	if err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", raw.RemoteAddr(), err)
	}
	return c, nil
}

// accepted reads the byte by which the daemon says that it accepts the client's
// certificate.
func accepted(c net.Conn) error {
	var verdict [1]byte
	if _, err := io.ReadFull(c, verdict[:]); err != nil {
		return fmt.Errorf("waiting for the verdict on our certificate: %w", err)
	}
	if verdict[0] != 1 {
		return errors.New("the daemon refuses our certificate or address")
	}
	return nil
}

// pki are the directories of a set of certificates.
type pki struct{ ca, cert, key string }

func (e *endpoint) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{ServerName: e.uri.Hostname(), MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.noVerify}
	sets := []pki{{"/etc/pki/CA", "/etc/pki/libvirt", "/etc/pki/libvirt/private"}}
	if home, err := os.UserHomeDir(); err == nil && os.Geteuid() != 0 {
		own := filepath.Join(home, ".pki/libvirt")
		sets = append([]pki{{own, own, own}}, sets...)
	}
	own := e.query.Get("pkipath")
	if own != "" {
		sets = []pki{{own, own, own}}
	}
	if err := loadCA(config, sets); err != nil {
		return nil, err
	}
	if own != "" && config.RootCAs == nil && !e.noVerify {
		return nil, fmt.Errorf("no certificate authority in %s, which pkipath names", own)
	}
	return config, loadCertificate(config, sets)
}

// loadCA takes the first authority that is there, or the system's if none is.
func loadCA(config *tls.Config, sets []pki) error {
	for _, s := range sets {
		pem, err := os.ReadFile(filepath.Join(s.ca, "cacert.pem"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the certificate authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("no certificate in %s", filepath.Join(s.ca, "cacert.pem"))
		}
		return nil
	}
	return nil
}

// loadCertificate takes the first certificate of a client that is there. A
// daemon that wants none may be talked to without.
func loadCertificate(config *tls.Config, sets []pki) error {
	for _, s := range sets {
		cert, err := tls.LoadX509KeyPair(filepath.Join(s.cert, "clientcert.pem"), filepath.Join(s.key, "clientkey.pem"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("loading the client's certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
		return nil
	}
	return nil
}
