package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// get returns the status and the body of a page.
func get(t *testing.T, client *http.Client, url, user, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestServesItsPages(t *testing.T) {
	r := startExporter(t)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	for _, tt := range []struct {
		path string
		code int
		has  string
	}{
		{"/metrics", 200, "virt_exporter_build_info"},
		{"/", 200, `<a href="/metrics">Metrics</a>`},
		{"/-/healthy", 200, "OK"},
		{"/-/ready", 200, "OK"},
		{"/debug/pprof/", 404, ""},
		{"/nope", 404, ""},
	} {
		code, body := get(t, client, "http://"+r.addr+tt.path, "", "")
		if code != tt.code || !strings.Contains(body, tt.has) {
			t.Errorf("%s: %d, want %d with %q:\n%.300s", tt.path, code, tt.code, tt.has, body)
		}
	}
}

func TestPagesFollowTheFlags(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	tests := []struct {
		name string
		opts serverOptions
		path string
		code int
		has  string
	}{
		{"another path", serverOptions{telemetryPath: "/m"}, "/m", 200, "metrics"},
		{"another path on the landing page", serverOptions{telemetryPath: "/m"}, "/", 200, `<a href="/m">`},
		{"no landing page where metrics are the root", serverOptions{telemetryPath: "/"}, "/", 200, "metrics"},
		{"profiles", serverOptions{telemetryPath: "/m", pprof: true}, "/debug/pprof/", 200, "goroutine"},
		{"profiles on the landing page", serverOptions{telemetryPath: "/m", pprof: true}, "/", 200, "debug/pprof/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := newHandler(tt.opts, metrics)
			if err != nil {
				t.Fatal(err)
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil))
			if rec.Code != tt.code || !strings.Contains(rec.Body.String(), tt.has) {
				t.Errorf("%d, want %d with %q:\n%.300s", rec.Code, tt.code, tt.has, rec.Body)
			}
		})
	}
}

func TestTLSAndBasicAuth(t *testing.T) {
	dir := t.TempDir()
	pool := writeCertificate(t, dir)
	// The hash is bcrypt of "secret" at its lowest cost.
	config := writeFile(t, dir, "web.yml", `
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
basic_auth_users:
  prometheus: $2a$04$kl/SHdWd708SIG8lsg7DcenCzeGrZO2EBN1B4QDImDbjoqvdIuOvK
`)
	r := startExporter(t, "--web.config.file="+config)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)

	for password, want := range map[string]int{"secret": 200, "wrong": 401} {
		if code, _ := get(t, client, "https://"+r.addr+"/metrics", "prometheus", password); code != want {
			t.Errorf("password %s: %d, want %d", password, code, want)
		}
	}
	if code, _ := get(t, client, "https://"+r.addr+"/-/healthy", "", ""); code != 401 {
		t.Errorf("no password: %d, want 401", code)
	}
	if code, _ := get(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+r.addr+"/metrics", "", ""); code != 400 {
		t.Errorf("without TLS: %d, want 400", code)
	}
}

// writeCertificate writes cert.pem and key.pem for the loopback and returns
// what a client needs to trust them.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}
