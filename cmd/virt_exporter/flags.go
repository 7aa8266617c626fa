package main

import (
	"io"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/virt-exporter/virt_exporter/cmd/service"
	"github.com/virt-exporter/virt_exporter/collector"
)

// defaultAddress is all interfaces, as with other exporters.
const defaultAddress = ":9971"

// options is what the command line says.
type options struct {
	collector collector.Config
	server    serverOptions
	service   *service.Flags
}

// parseFlags reads the command line. What was asked for by --help or --version
// goes to stdout, and the error is then service.ErrAnswered.
func parseFlags(args []string, stdout io.Writer) (*options, error) {
	app := kingpin.New(program, "Exposes CPU steal, throttling, pressure, I/O and memory of each container and virtual machine, and of this machine, and what file system passthrough costs, to Prometheus.")
	opts := &options{collector: collector.DefaultConfig()}
	finish := addCollectorFlags(app, &opts.collector)
	addServerFlags(app, &opts.server)
	opts.service = service.AddFlags(app, defaultAddress)
	if err := service.Parse(app, args, stdout); err != nil {
		return nil, err
	}
	finish()
	return opts, nil
}

// addCollectorFlags adds the flags that fill cfg, with its values as defaults.
// The function that it returns must be called after parsing.
func addCollectorFlags(app *kingpin.Application, cfg *collector.Config) func() {
	app.Flag("path.procfs", "Where procfs is mounted.").Default(cfg.ProcFS).StringVar(&cfg.ProcFS)
	app.Flag("path.sysfs", "Where sysfs is mounted.").Default(cfg.SysFS).StringVar(&cfg.SysFS)
	app.Flag("path.rootfs", "Where the root of the host is mounted.").Default(cfg.RootFS).StringVar(&cfg.RootFS)
	app.Flag("guest.label", "Key of a container label to expose as label_… on virt_guest_info. Repeatable.").
		PlaceHolder("KEY").StringsVar(&cfg.GuestLabels)
	app.Flag("guest.mute-label", "Key of a container label, or of --libvirt.metadata, by which guests mute alerts: ALERT, several with a comma between, or all.").
		PlaceHolder("KEY").StringVar(&cfg.MuteLabel)
	app.Flag("guest.threshold-label", "Key of a container label, or of --libvirt.metadata, by which guests set thresholds of their own: ALERT=NUMBER, several with a comma between.").
		PlaceHolder("KEY").StringVar(&cfg.ThresholdLabel)
	app.Flag("limit.culprits", "Most culprits that a guest names for each resource; the others are added up.").
		Default(strconv.Itoa(cfg.MaxCulprits)).IntVar(&cfg.MaxCulprits)
	app.Flag("limit.guests", "Most guests to expose; what is dropped is counted.").
		Default(strconv.Itoa(cfg.MaxGuests)).IntVar(&cfg.MaxGuests)
	app.Flag("limit.open-files", "Most kernel files to keep open between scrapes; 0 chooses by the process's own limit.").
		Default(strconv.Itoa(cfg.MaxOpenFiles)).IntVar(&cfg.MaxOpenFiles)
	app.Flag("vm-key", "Machine key of this VM, where only root may read its UUID.").
		Envar("VIRT_VM_KEY").PlaceHolder("UUID").StringVar(&cfg.VMKey)
	app.Flag("libvirt.uri", "URI of a libvirt daemon, as virsh takes it. Repeatable; without it, the daemons that listen on this host.").
		PlaceHolder("URI").StringsVar(&cfg.Libvirt.URIs)
	app.Flag("libvirt.metadata", "What to expose of a domain's metadata as label_KEY on virt_guest_info: KEY=STEP/STEP or KEY=STEP/@ATTRIBUTE. Repeatable.").
		PlaceHolder("KEY=PATH").StringsVar(&cfg.Libvirt.Metadata)
	app.Flag("libvirt.timeout", "How long libvirt may take to answer before it counts as stuck.").
		Default(cfg.Libvirt.Timeout.String()).DurationVar(&cfg.Libvirt.Timeout)

	addProbeFlags(app, &cfg.FSProbe)
	app.Flag("bpf.mode", "How programs in the kernel measure waits for a CPU: full sees each switch of threads, sampled looks 99 times a second and costs next to nothing.").
		Default(cfg.BPF.Mode).PlaceHolder("full|sampled").StringVar(&cfg.BPF.Mode)
	app.Flag("bpf.without", "Program that is not loaded into the kernel: "+strings.Join(collector.BPFPrograms(), ", ")+". Repeatable.").
		PlaceHolder("PROGRAM").StringsVar(&cfg.BPF.Without)

	enabled := make(map[string]*bool)
	for _, name := range collector.SourceNames() {
		on, named := cfg.Sources[name]
		enabled[name] = app.Flag("source."+name, "Read the source "+name+".").
			Default(strconv.FormatBool(on || !named)).Bool()
	}
	return func() {
		cfg.Sources = make(map[string]bool, len(enabled))
		for name, on := range enabled {
			cfg.Sources[name] = *on
		}
	}
}

func addProbeFlags(app *kingpin.Application, cfg *collector.FSProbe) {
	app.Flag("fsprobe.interval", "From one probe of a passthrough mount to the next.").
		Default(cfg.Interval.String()).DurationVar(&cfg.Interval)
	app.Flag("fsprobe.timeout", "How long an operation on a mount may take before its helper process is killed.").
		Default(cfg.Timeout.String()).DurationVar(&cfg.Timeout)
	app.Flag("fsprobe.reference", "Directory to compare mounts with, of a local file system or of one in memory; without it, one is chosen. At most one of each kind.").
		PlaceHolder("DIR").StringsVar(&cfg.References)
	app.Flag("fsprobe.mount", "Mount to list and to probe besides those that are found, PATH or, in a container, RUNTIME/GUEST:PATH. Repeatable.").
		PlaceHolder("MOUNT").StringsVar(&cfg.Mounts)
	app.Flag("fsprobe.exclude", "Mountpoints, and directories that are given to virtual machines, to leave out: a regular expression for the whole path.").
		PlaceHolder("REGEXP").StringVar(&cfg.Exclude)
	app.Flag("fsprobe.read-file", "File on a passthrough mount that probes may read: adds the operations read and readdir. Repeatable, one for each mount.").
		PlaceHolder("FILE").StringsVar(&cfg.ReadFiles)
	app.Flag("fsprobe.write-dir", "Directory on a passthrough mount that probes may write in: adds the operations create, write, rename and unlink. Repeatable, one for each mount.").
		PlaceHolder("DIR").StringsVar(&cfg.WriteDirs)
	app.Flag("fsprobe.max-mounts", "Most mounts to probe, each by a process of its own; what is left out is counted.").
		Default(strconv.Itoa(cfg.MaxMounts)).IntVar(&cfg.MaxMounts)
}

func addServerFlags(app *kingpin.Application, opts *serverOptions) {
	app.Flag("web.telemetry-path", "Path under which metrics are exposed.").
		Default("/metrics").StringVar(&opts.telemetryPath)
	app.Flag("web.disable-compression", "Never compress the exposition: gzip costs about as much CPU as all else in it.").
		BoolVar(&opts.disableCompression)
	app.Flag("web.max-requests", "Most scrapes at one time; 0 is no limit.").
		Default("40").IntVar(&opts.maxRequests)
	app.Flag("web.enable-pprof", "Serve profiles of this process below /debug/pprof/.").
		BoolVar(&opts.pprof)
}
