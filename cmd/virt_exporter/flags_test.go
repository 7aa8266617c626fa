package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector"
)

func TestFlagsFillTheConfig(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		change func(*collector.Config)
	}{
		{"none: the defaults", nil, func(*collector.Config) {}},
		{"paths", []string{"--path.procfs=/h/proc", "--path.sysfs=/h/sys", "--path.rootfs=/h"}, func(c *collector.Config) {
			c.ProcFS, c.SysFS, c.RootFS = "/h/proc", "/h/sys", "/h"
		}},
		{"a source off", []string{"--no-source.cgroup"}, func(c *collector.Config) { c.Sources["cgroup"] = false }},
		{"a source on", []string{"--source.cgroup"}, func(c *collector.Config) { c.Sources["cgroup"] = true }},
		{"labels", []string{"--guest.label=team", "--guest.label=com.example.app"}, func(c *collector.Config) {
			c.GuestLabels = []string{"team", "com.example.app"}
		}},
		{"limits", []string{"--limit.guests=10", "--limit.open-files=20"}, func(c *collector.Config) {
			c.MaxGuests, c.MaxOpenFiles = 10, 20
		}},
		{"libvirt", []string{"--libvirt.uri=qemu:///session", "--libvirt.uri=qemu+tls://h/system", "--libvirt.metadata=a=b/c", "--libvirt.timeout=2s"}, func(c *collector.Config) {
			c.Libvirt.URIs = []string{"qemu:///session", "qemu+tls://h/system"}
			c.Libvirt.Metadata = []string{"a=b/c"}
			c.Libvirt.Timeout = 2 * time.Second
		}},
		{"probes", []string{
			"--fsprobe.interval=30s", "--fsprobe.timeout=3s", "--fsprobe.reference=/srv", "--fsprobe.reference=/run",
			"--fsprobe.mount=/data", "--fsprobe.mount=docker/web:/", "--fsprobe.exclude=/mnt/.*",
			"--fsprobe.read-file=/data/f", "--fsprobe.write-dir=/data/d", "--fsprobe.max-mounts=4",
		}, func(c *collector.Config) {
			c.FSProbe = collector.FSProbe{
				Interval: 30 * time.Second, Timeout: 3 * time.Second, References: []string{"/srv", "/run"},
				Mounts: []string{"/data", "docker/web:/"}, Exclude: "/mnt/.*",
				ReadFiles: []string{"/data/f"}, WriteDirs: []string{"/data/d"}, MaxMounts: 4,
			}
		}},
		{"programs in the kernel", []string{"--bpf.mode=sampled", "--bpf.without=block", "--bpf.without=fuse"}, func(c *collector.Config) {
			c.BPF = collector.BPF{Mode: "sampled", Without: []string{"block", "fuse"}}
		}},
		{"machine key", []string{"--vm-key=k"}, func(c *collector.Config) { c.VMKey = "k" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts, err := parseFlags(tt.args, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			want := collector.DefaultConfig()
			want.Sources = make(map[string]bool)
			for _, name := range collector.SourceNames() {
				want.Sources[name] = true
			}
			tt.change(&want)
			if diff := cmp.Diff(want, opts.collector); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaultsAreThoseOfTheReadme(t *testing.T) {
	opts, err := parseFlags(nil, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	want := collector.Config{
		ProcFS: "/proc", SysFS: "/sys", RootFS: "/", MaxGuests: 20000, MaxCulprits: 5,
		Sources: map[string]bool{"cgroup": true, "node": true, "vmm": true, "libvirt": true, "fsprobe": true, "bpf": true},
		Libvirt: collector.Libvirt{Timeout: 5 * time.Second},
		FSProbe: collector.FSProbe{Interval: time.Minute, Timeout: 10 * time.Second, MaxMounts: 32},
		BPF:     collector.BPF{Mode: "full"},
	}
	if diff := cmp.Diff(want, opts.collector); diff != "" {
		t.Errorf("collector (-want +got):\n%s", diff)
	}
	server := serverOptions{telemetryPath: "/metrics", maxRequests: 40}
	if diff := cmp.Diff(server, opts.server, cmp.AllowUnexported(serverOptions{})); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{":9971"}, *opts.service.Web.WebListenAddresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestMachineKeyFromTheEnvironment(t *testing.T) {
	t.Setenv("VIRT_VM_KEY", "from-env")
	for want, args := range map[string][]string{"from-env": nil, "from-flag": {"--vm-key=from-flag"}} {
		opts, err := parseFlags(args, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if got := opts.collector.VMKey; got != want {
			t.Errorf("%v: got %q, want %q", args, got, want)
		}
	}
}
