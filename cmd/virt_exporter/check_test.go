package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/collector"
)

// TestBadInputIsOneLine runs the program with what it cannot work with. DIR in
// an argument and in the expected line is the test's directory.
func TestBadInputIsOneLine(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "file", "")
	writeFile(t, dir, "empty/x", "")
	writeFile(t, dir, "noself/stat", "cpu  1 2 3\n")
	writeFile(t, dir, "other/stat", "intr 1\n")
	writeFile(t, dir, "field.yml", "tls_serv_config: {}\nnope: 1\n")
	writeFile(t, dir, "syntax.yml", "\tbasic_auth_users")
	writeFile(t, dir, "nokey.yml", "tls_server_config:\n  cert_file: x.pem\n")
	writeFile(t, dir, "nocert.yml", "tls_server_config:\n  cert_file: x.pem\n  key_file: x.key\n")
	writeFile(t, dir, "user.yml", "basic_auth_users:\n  me: secret\n")

	tests := []struct{ name, arg, want string }{
		{"unknown flag", "--x", "unknown long flag '--x', try --help"},
		{"unknown short flag", "-x", "unknown short flag '-x', try --help"},
		{"argument", "serve", "unexpected serve, try --help"},
		{"unknown source", "--source.nope", "unknown long flag '--source.nope', try --help"},
		{"source with a value", "--source.node=maybe", "unexpected maybe, try --help"},
		{"log level", "--log.level=loud", "--log.level=loud: enum value must be one of debug,info,warn,error, got 'loud', try --help"},
		{"log format", "--log.format=xml", "--log.format=xml: enum value must be one of logfmt,json, got 'xml', try --help"},
		{"number", "--limit.guests=many", `--limit.guests=many: strconv.ParseFloat: parsing "many": invalid syntax, try --help`},
		{"procfs missing", "--path.procfs=DIR/nope", "--path.procfs=DIR/nope: not procfs: open DIR/nope/stat: no such file or directory"},
		{"procfs a file", "--path.procfs=DIR/file", "--path.procfs=DIR/file: not procfs: open DIR/file/stat: not a directory"},
		{"procfs another directory", "--path.procfs=DIR/empty", "--path.procfs=DIR/empty: not procfs: open DIR/empty/stat: no such file or directory"},
		{"procfs with another stat", "--path.procfs=DIR/other", `--path.procfs=DIR/other: not procfs: DIR/other/stat does not begin with "cpu "`},
		{"procfs without self", "--path.procfs=DIR/noself", "--path.procfs=DIR/noself: not procfs: lstat DIR/noself/self: no such file or directory"},
		{"sysfs another directory", "--path.sysfs=DIR/empty", "--path.sysfs=DIR/empty: not sysfs: stat DIR/empty/fs: no such file or directory"},
		{"rootfs missing", "--path.rootfs=DIR/nope", "--path.rootfs=DIR/nope: stat DIR/nope: no such file or directory"},
		{"rootfs a file", "--path.rootfs=DIR/file", "--path.rootfs=DIR/file: DIR/file is not a directory"},
		{"label without a key", "--guest.label= ", "--guest.label=: a label's key cannot be empty"},
		{"libvirt driver", "--libvirt.uri=foo://x", `--libvirt.uri=: libvirt URI "foo://x": unknown driver "foo"`},
		{"libvirt password", "--libvirt.uri=qemu+bar://u:secret@h/", `--libvirt.uri=: libvirt URI "qemu+bar://h/": unknown transport "bar": want unix, tcp, tls or ssh`},
		{"libvirt metadata", "--libvirt.metadata=x", `--libvirt.metadata=: path of metadata "x": want KEY=PATH`},
		{"libvirt timeout", "--libvirt.timeout=-1s", "--libvirt.timeout=-1s: less than 100ms: a daemon that is well would count as stuck"},
		{"probes without a pause", "--fsprobe.interval=0s", "--fsprobe.interval=0s: less than 1s: probes would do little else"},
		{"no time for a probe", "--fsprobe.timeout=1ms", "--fsprobe.timeout=1ms: less than 1s: a file system that is well would count as stuck"},
		{"relative reference", "--fsprobe.reference=srv", `--fsprobe.reference=: "srv" is not an absolute path`},
		{"file with a strange path", "--fsprobe.read-file=/a/../b", `--fsprobe.read-file=: "/a/../b" must be written as /b`},
		{"relative directory", "--fsprobe.write-dir=x/", `--fsprobe.write-dir=: "x/" is not an absolute path`},
		{"excluded by no expression", "--fsprobe.exclude=(", "--fsprobe.exclude=(: error parsing regexp: missing closing ): `(`"},
		{"no mounts", "--fsprobe.max-mounts=0", "--fsprobe.max-mounts=0: must be 1 or more"},
		{"no such mode", "--bpf.mode=fast", `--bpf.mode=fast: there is no mode "fast": want one of full, sampled`},
		{"no such program", "--bpf.without=nope", `--bpf.without=: there is no program "nope": want one of ` + strings.Join(collector.BPFPrograms(), ", ")},
		{"no guests", "--limit.guests=0", "--limit.guests=0: must be 1 or more"},
		{"fewer than no files", "--limit.open-files=-1", "--limit.open-files=-1: must be 0 or more"},
		{"machine key", "--vm-key=server-1", "--vm-key=server-1: not the UUID of a machine"},
		{"fewer than no requests", "--web.max-requests=-1", "--web.max-requests=-1: must be 0 or more"},
		{"relative telemetry path", "--web.telemetry-path=metrics", "--web.telemetry-path=metrics: must begin with /"},
		{"telemetry path with an end", "--web.telemetry-path=/metrics/", "--web.telemetry-path=/metrics/: must be written as /metrics"},
		{"telemetry path as a pattern", "--web.telemetry-path=/{x}", "--web.telemetry-path=/{x}: must not hold braces or spaces"},
		{"telemetry path taken", "--web.telemetry-path=/-/ready", "--web.telemetry-path=/-/ready: is taken by the exporter's own pages"},
		{"web config missing", "--web.config.file=DIR/nope.yml", "--web.config.file=DIR/nope.yml: open DIR/nope.yml: no such file or directory"},
		{"web config a directory", "--web.config.file=DIR", "--web.config.file=DIR: read DIR: is a directory"},
		{"web config with unknown fields", "--web.config.file=DIR/field.yml", "--web.config.file=DIR/field.yml: yaml: unmarshal errors: line 1: field tls_serv_config not found in type web.Config line 2: field nope not found in type web.Config"},
		{"web config not YAML", "--web.config.file=DIR/syntax.yml", "--web.config.file=DIR/syntax.yml: yaml: found character that cannot start any token"},
		{"web config without a key", "--web.config.file=DIR/nokey.yml", "--web.config.file=DIR/nokey.yml: missing one of key or key_file"},
		{"web config without its certificate", "--web.config.file=DIR/nocert.yml", "--web.config.file=DIR/nocert.yml: failed to read cert_file (DIR/x.pem): open DIR/x.pem: no such file or directory"},
		{"web config with a plain password", "--web.config.file=DIR/user.yml", "--web.config.file=DIR/user.yml: crypto/bcrypt: hashedSecret too short to be a bcrypted password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			arg := strings.ReplaceAll(tt.arg, "DIR", dir)
			want := "virt_exporter: error: " + strings.ReplaceAll(tt.want, "DIR", dir) + "\n"
			code := run(t.Context(), []string{arg}, &stdout, &stderr, noListener)
			if code != 64 {
				t.Errorf("exit code %d, want 64", code)
			}
			if got := stderr.String(); got != want {
				t.Errorf("stderr:\n got: %swant: %s", got, want)
			}
			if stdout.Len() != 0 {
				t.Errorf("stdout: %s", stdout.String())
			}
		})
	}
}

func TestUnreadableWebConfigNamesTheFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs a user other than root: root reads every file")
	}
	file := writeFile(t, t.TempDir(), "web.yml", "")
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"--web.config.file=" + file}, &stderr, &stderr, noListener)
	want := "virt_exporter: error: --web.config.file=" + file + ": open " + file + ": permission denied\n"
	if code != 1 || stderr.String() != want {
		t.Errorf("exit code %d, stderr:\n got: %swant: %s", code, stderr.String(), want)
	}
}

// A listener that cannot be opened is found after the start has been logged:
// the line is the last one then.
func TestListenerThatCannotBeOpenedNamesTheFlag(t *testing.T) {
	tests := []struct{ name, arg, want string }{
		{"no port", "--web.listen-address=localhost", "--web.listen-address: listen tcp: address localhost: missing port in address"},
		{"no such port", "--web.listen-address=127.0.0.1:99999", "--web.listen-address: listen tcp: address 99999: invalid port"},
		{"no such port of vsock", "--web.listen-address=vsock://:x", `--web.listen-address: parse "vsock://:x": invalid port ":x" after host`},
		{"no systemd", "--web.systemd-socket", "--web.systemd-socket: no socket activation file descriptors found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{tt.arg, "--log.level=error"}, &stdout, &stderr, web.ListenAndServe)
			want := "virt_exporter: error: " + tt.want + "\n"
			if code != 1 || stderr.String() != want {
				t.Errorf("exit code %d, stderr:\n got: %swant: %s", code, stderr.String(), want)
			}
		})
	}
}

func TestDefaultsPassTheCheck(t *testing.T) {
	opts, err := parseFlags(nil, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := opts.check(); err != nil {
		t.Error(err)
	}
}

func TestEndedContextEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if code := run(ctx, []string{"--web.listen-address=127.0.0.1:0"}, &stderr, &stderr, web.ListenAndServe); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestProcFSIsKnownByItsFiles(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "stat", "cpu  1 2 3\n")
	// A link that leads nowhere is what a reader of another PID namespace sees.
	if err := os.Symlink("0", filepath.Join(dir, "self")); err != nil {
		t.Fatal(err)
	}
	if err := checkProcFS(dir); err != nil {
		t.Error(err)
	}
}

func TestNoSourceLeftIsOneLine(t *testing.T) {
	var args []string
	for _, name := range collector.SourceNames() {
		args = append(args, "--no-source."+name)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, &stdout, &stderr, noListener); code != 64 {
		t.Errorf("exit code %d, want 64", code)
	}
	const want = "virt_exporter: error: --no-source.*: no source is left to read\n"
	if got := stderr.String(); got != want {
		t.Errorf("stderr:\n got: %swant: %s", got, want)
	}
}
