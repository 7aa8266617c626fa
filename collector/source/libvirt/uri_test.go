package libvirt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURI(t *testing.T) {
	type parsed struct {
		Text, Open, Transport, Host, Scope string
		Sockets                            []string
	}
	system := func(names ...string) (paths []string) {
		for _, dir := range []string{"/host/run/libvirt/", "/host/var/run/libvirt/"} {
			for _, n := range names {
				paths = append(paths, dir+n+"-sock-ro", dir+n+"-sock")
			}
		}
		return paths
	}
	tests := []struct {
		uri  string
		want parsed
	}{
		{"qemu:///system", parsed{"qemu:///system", "qemu:///system", "unix", "", "", system("virtqemud", "libvirt")}},
		{"qemu:///system?mode=legacy", parsed{"qemu:///system?mode=legacy", "qemu:///system", "unix", "", "", system("libvirt")}},
		{"xen:///system?mode=direct", parsed{"xen:///system?mode=direct", "xen:///system", "unix", "", "", system("virtxend")}},
		{
			"qemu+unix:///system?socket=/run/x/a.sock",
			parsed{"qemu+unix:///system?socket=/run/x/a.sock", "qemu:///system", "unix", "", "", []string{"/host/run/x/a.sock"}},
		},
		{"test:///default", parsed{"test:///default", "test:///default", "unix", "", "test/", system("libvirt")}},
		{"lxc:///", parsed{"lxc:///", "lxc:///", "unix", "", "", system("virtlxcd", "libvirt")}},
		{"qemu+tcp://Host.Example:1234/system", parsed{"qemu+tcp://Host.Example:1234/system", "qemu:///system", "tcp", "host.example", "", nil}},
		{"qemu://h/system", parsed{"qemu://h/system", "qemu:///system", "tls", "h", "", nil}},
		{"qemu+tls://[::1]/system?no_verify=1", parsed{"qemu+tls://[::1]/system?no_verify=1", "qemu:///system", "tls", "", "", nil}},
		{
			"qemu+ssh://me:secret@h/system?keyfile=/k&socket=/s",
			parsed{"qemu+ssh://h/system?keyfile=/k&socket=/s", "qemu:///system", "ssh", "h", "", []string{"/s"}},
		},
		{"vz+tcp://h/other", parsed{"vz+tcp://h/other", "vz:///other", "tcp", "h", "other/", nil}},
	}
	for _, tt := range tests {
		t.Run(tt.uri, func(t *testing.T) {
			e, err := parseURI(tt.uri, "/host")
			if err != nil {
				t.Fatal(err)
			}
			got := parsed{e.text, string(e.open), e.transport, e.host, e.scope, e.sockets}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadURIsAreNamedWithoutTheirPassword(t *testing.T) {
	for _, uri := range []string{
		"", "qemu", "system", "kvm:///system", "qemu+carrier:///system", "qemu+tcp:///system", "qemu+tls:///", "qemu+ssh:///system",
		"qemu+unix://host/system", "qemu:///system?mode=fast", "qemu:///system?socket=relative", "qemu:system",
		"qemu+ssh://h/system?no_verify=maybe", "qemu+tls://h/system?no_verify=yes", "qemu:///system?socket=%zz", "esx://me:secret@h/",
		"qemu+ssh://me:secret@[h/system", "qemu+ssh://me:sec ret%zz@h/system", "qemu+quic://me:secret@h/system", "://me:secret@h",
	} {
		_, err := parseURI(uri, "/")
		if err == nil {
			t.Errorf("%q is taken", uri)
			continue
		}
		if strings.Contains(err.Error(), "sec") || strings.Contains(err.Error(), "me:") {
			t.Errorf("the password is told: %v", err)
		}
		if host := withoutLogin(uri); !strings.Contains(err.Error(), host[:min(len(host), 4)]) {
			t.Errorf("%q is not named by %v", uri, err)
		}
	}
}

func TestTheSameURITwiceIsRefused(t *testing.T) {
	if err := CheckURIs([]string{"qemu:///system", "qemu+tcp://h/system", "qemu+tcp://other/system", "qemu+ssh://alice@h/session", "qemu+ssh://bob@h/session"}); err != nil {
		t.Error(err)
	}
	err := CheckURIs([]string{"qemu+tcp://me:secret@h/system", "qemu+tcp://h/system"})
	if err == nil || !strings.Contains(err.Error(), "twice") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

func TestSessionSocketsAreTheUsers(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/1234")
	e, err := parseURI("qemu:///session", "")
	if err != nil {
		t.Fatal(err)
	}
	if !e.session || e.sockets[0] != "/run/user/1234/libvirt/virtqemud-sock" || e.sockets[1] != "/run/user/1234/libvirt/libvirt-sock" {
		t.Errorf("session %t, sockets %v", e.session, e.sockets)
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"qemu:///system", "qemu+ssh://a:b@h:1/x?socket=/y&mode=auto", "://", "qemu://@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseURI(text, "/")
		if err == nil && e.transport == "unix" && len(e.sockets) == 0 {
			t.Errorf("%q has no socket", text)
		}
	})
}
