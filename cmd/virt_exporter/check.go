package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/collector/identity"
)

// check finds what the exporter cannot work with before it starts. The error
// names the flag and the value that is wrong.
func (o *options) check() error {
	c := o.collector
	checks := []struct {
		flag  string
		value any
		err   error
	}{
		{"path.procfs", c.ProcFS, checkProcFS(c.ProcFS)},
		{"path.sysfs", c.SysFS, checkSysFS(c.SysFS)},
		{"path.rootfs", c.RootFS, checkDir(c.RootFS)},
		{"guest.label", "", checkLabels(c.GuestLabels)},
		{"limit.culprits", c.MaxCulprits, checkLeast(c.MaxCulprits, 1)},
		{"limit.guests", c.MaxGuests, checkLeast(c.MaxGuests, 1)},
		{"limit.open-files", c.MaxOpenFiles, checkLeast(c.MaxOpenFiles, 0)},
		{"libvirt.uri", "", c.Libvirt.CheckURIs()},
		{"libvirt.metadata", "", c.Libvirt.CheckMetadata()},
		{"libvirt.timeout", c.Libvirt.Timeout, checkTimeout(c.Libvirt.Timeout)},
		{"fsprobe.interval", c.FSProbe.Interval, c.FSProbe.CheckInterval()},
		{"fsprobe.timeout", c.FSProbe.Timeout, c.FSProbe.CheckTimeout()},
		{"fsprobe.reference", "", c.FSProbe.CheckReferences()},
		{"fsprobe.mount", "", c.FSProbe.CheckMounts()},
		{"fsprobe.exclude", c.FSProbe.Exclude, c.FSProbe.CheckExclude()},
		{"fsprobe.read-file", "", c.FSProbe.CheckReadFiles()},
		{"fsprobe.write-dir", "", c.FSProbe.CheckWriteDirs()},
		{"fsprobe.max-mounts", c.FSProbe.MaxMounts, checkLeast(c.FSProbe.MaxMounts, 1)},
		{"bpf.mode", c.BPF.Mode, c.BPF.CheckMode()},
		{"bpf.without", "", c.BPF.CheckWithout()},
		{"vm-key", c.VMKey, checkVMKey(c.VMKey)},
		{"web.max-requests", o.server.maxRequests, checkLeast(o.server.maxRequests, 0)},
		{"web.telemetry-path", o.server.telemetryPath, checkTelemetryPath(o.server.telemetryPath)},
		{"web.config.file", *o.service.Web.WebConfigFile, web.Validate(*o.service.Web.WebConfigFile)},
	}
	for _, c := range checks {
		if c.err != nil {
			return fmt.Errorf("--%s=%v: %w", c.flag, c.value, c.err)
		}
	}
	for _, on := range c.Sources {
		if on {
			return nil
		}
	}
	return errors.New("--no-source.*: no source is left to read")
}

func checkTimeout(d time.Duration) error {
	if d < 100*time.Millisecond {
		return errors.New("less than 100ms: a daemon that is well would count as stuck")
	}
	return nil
}

// checkProcFS looks for what every procfs has. The type of the file system is
// not asked for: a captured tree serves as well, and so does lxcfs.
func checkProcFS(dir string) error {
	f, err := os.Open(filepath.Join(dir, "stat"))
	if err != nil {
		return fmt.Errorf("not procfs: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	var begin [4]byte
	if _, err := io.ReadFull(f, begin[:]); err != nil || !bytes.Equal(begin[:], []byte("cpu ")) {
		return fmt.Errorf(`not procfs: %s does not begin with "cpu "`, f.Name())
	}
	// self is a link that leads nowhere where the reader has no process in that
	// mount's PID namespace.
	if _, err := os.Lstat(filepath.Join(dir, "self")); err != nil {
		return fmt.Errorf("not procfs: %w", err)
	}
	return nil
}

func checkSysFS(dir string) error {
	if err := checkDir(filepath.Join(dir, "fs")); err != nil {
		return fmt.Errorf("not sysfs: %w", err)
	}
	return nil
}

func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	return nil
}

func checkLabels(keys []string) error {
	for _, key := range keys {
		if strings.TrimSpace(key) == "" {
			return errors.New("a label's key cannot be empty")
		}
	}
	return nil
}

func checkVMKey(key string) error {
	if key != "" && identity.VMKey(key) == "" {
		return errors.New("not the UUID of a machine")
	}
	return nil
}

func checkLeast(value, least int) error {
	if value < least {
		return fmt.Errorf("must be %d or more", least)
	}
	return nil
}

// checkTelemetryPath keeps the path from being read as a pattern by
// http.ServeMux, which panics on what it does not understand and on two of the
// same.
func checkTelemetryPath(p string) error {
	switch {
	case !strings.HasPrefix(p, "/"):
		return errors.New("must begin with /")
	case path.Clean(p) != p:
		return fmt.Errorf("must be written as %s", path.Clean(p))
	case strings.ContainsAny(p, "{} \t"):
		return errors.New("must not hold braces or spaces")
	case strings.HasPrefix(p, "/-/"), p == "/-", strings.HasPrefix(p, "/debug/pprof"):
		return errors.New("is taken by the exporter's own pages")
	}
	return nil
}
