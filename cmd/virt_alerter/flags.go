package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/virt-exporter/virt_exporter/alerts/engine"
	"github.com/virt-exporter/virt_exporter/cmd/service"
	"github.com/virt-exporter/virt_exporter/dashboards"
)

const (
	// defaultAddress is all interfaces, as with the exporter, on the port after its.
	defaultAddress = ":9972"
	// demoAddress is nobody else's machine: who tries a demo has not asked to serve.
	demoAddress = "127.0.0.1:9972"
	// defaultExporter is the exporter on the same machine.
	defaultExporter = "http://127.0.0.1:9971/metrics"
	// defaultDataDir is for whoever tries the program: a service has a state
	// directory.
	defaultDataDir = "virt_alerter-data"
)

// options is what the command line says.
type options struct {
	engine         engine.Config
	externalLabels []string
	lifecycle      bool
	checkOnly      bool
	dashboards     bool // what they read is kept
	demo           bool
	demoKeeps      bool             // the demo's samples stay, in the data directory that was asked for
	given          map[string]*bool // of the flags that others may make void: whether it was given
	service        *service.Flags
}

// replacedBy returns the flags that a configuration file makes void, and the field
// of the file that takes the place of each.
func replacedBy() [][2]string {
	return [][2]string{
		{"exporter", "scrape_configs"},
		{"alertmanager", "alerting.alertmanagers"},
		{"remote-write", "remote_write"},
		{"scrape.interval", "global.scrape_interval"},
		{"evaluation.interval", "global.evaluation_interval"},
	}
}

// voidInDemo returns the other flags that have no meaning in a demo, with the reason.
func voidInDemo() [][2]string {
	return [][2]string{
		{"config.file", "the story has the targets"},
		{"heartbeat.url", "a story does not tell that all is well here"},
	}
}

const (
	dataFlag   = "storage.path"       // names the data directory
	listenFlag = "web.listen-address" // is repeatable
)

// parseFlags reads the command line. What was asked for by --help or --version
// goes to stdout, and the error is then service.ErrAnswered.
func parseFlags(args []string, stdout io.Writer) (*options, error) {
	app := kingpin.New(program, "Evaluates the rules of virt_exporter without a Prometheus: scrapes exporters, tells Alertmanager, shows what fires, and answers Grafana's queries.")
	opts := &options{engine: engine.DefaultConfig(), given: map[string]*bool{}}
	finish := addEngineFlags(app, opts)
	app.Flag("web.enable-lifecycle", "Reload also at a POST or PUT of /-/reload, not only at SIGHUP.").BoolVar(&opts.lifecycle)
	app.Flag("check", "Only check flags, configuration file and rules, say what is wrong and end.").BoolVar(&opts.checkOnly)
	app.Flag("demo", "Scrape nobody, but play a recorded story of several hosts: its last day at once, then as time goes by. Without --web.listen-address it answers on "+demoAddress+" only. Samples are gone at the end, unless --storage.path names a directory, which must be empty.").BoolVar(&opts.demo)
	opts.service = service.AddFlags(app, defaultAddress)
	for _, f := range slices.Concat(replacedBy(), voidInDemo(), [][2]string{{dataFlag}, {listenFlag}}) {
		given := new(bool)
		app.GetFlag(f[0]).IsSetByUser(given)
		opts.given[f[0]] = given
	}
	if err := service.Parse(app, args, stdout); err != nil {
		return nil, err
	}
	return opts, finish()
}

// addEngineFlags adds the flags that fill the engine's configuration. The
// function that it returns must be called after parsing.
func addEngineFlags(app *kingpin.Application, opts *options) func() error {
	cfg := &opts.engine
	app.Flag("exporter", "URL of an exporter to scrape. Repeatable; without it, "+defaultExporter+".").
		PlaceHolder("URL").StringsVar(&cfg.Exporters)
	app.Flag("alertmanager", "URL of an Alertmanager to tell. Repeatable; without it, alerts are only shown.").
		PlaceHolder("URL").StringsVar(&cfg.Alertmanagers)
	app.Flag("rules", "Rule files of your own, as a pattern. Repeatable.").
		PlaceHolder("GLOB").StringsVar(&cfg.RuleFiles)
	app.Flag("rules.bundled", "Evaluate the rules that come with this program.").
		Default("true").BoolVar(&cfg.Bundled)
	app.Flag("remote-write", "URL that all samples are sent to as well, of Prometheus, Mimir or Thanos Receive. Repeatable.").
		PlaceHolder("URL").StringsVar(&cfg.RemoteWrites)
	app.Flag("config.file", "Prometheus configuration file, whose targets, Alertmanagers, remote writes and intervals (1m where it names none) take the place of the flags', which cannot be given then; its rule files are added to --rules.").
		PlaceHolder("FILE").StringVar(&cfg.ConfigFile)
	app.Flag(dataFlag, "Directory of the database. A service's state directory ($STATE_DIRECTORY) where there is one.").
		Default(dataDir(os.Getenv("STATE_DIRECTORY"))).StringVar(&cfg.DataDir)
	size := app.Flag("storage.max-size", "Most bytes of the database, as 512MB; 0 is no limit.").Default("0").Bytes()
	durations := addDurationFlags(app, cfg)
	app.Flag("scrape.keep", "Families to keep besides those that rules and the dashboards read, by a name or a regular expression. Repeatable. In the recorded story rules read 57 % of the series, and both together 84 %.").
		PlaceHolder("REGEXP").StringsVar(&cfg.Keep)
	app.Flag("scrape.keep-dashboards", "Keep what the dashboards read, not only what rules do.").
		Default("true").BoolVar(&opts.dashboards)
	app.Flag("scrape.keep-all", "Keep all families that are scraped.").BoolVar(&cfg.KeepAll)
	app.Flag("heartbeat.url", "URL that is asked for each minute while scrapes, rules and deliveries all go well: a dead man's switch. A secret one belongs into the environment.").
		PlaceHolder("URL").Envar("VIRT_HEARTBEAT_URL").StringVar(&cfg.Heartbeat)
	app.Flag("external.url", "URL under which people reach this program, for links in alerts. Without it, http, this host's name and the port.").
		PlaceHolder("URL").StringVar(&cfg.ExternalURL)
	app.Flag("external.label", "Label that is put on all alerts and on samples that are sent elsewhere. Repeatable.").
		PlaceHolder("NAME=VALUE").StringsVar(&opts.externalLabels)
	return func() error {
		durations()
		cfg.RetentionSize = int64(*size)
		return opts.complete()
	}
}

// addDurationFlags adds those that take Prometheus' durations, with days. The
// function that it returns must be called after parsing.
func addDurationFlags(app *kingpin.Application, cfg *engine.Config) func() {
	retention, scrape, evaluation := model.Duration(cfg.Retention), model.Duration(cfg.ScrapeInterval), model.Duration(cfg.EvaluationInterval)
	app.Flag("storage.retention", "How long samples are kept.").
		Default(retention.String()).SetValue(&retention)
	app.Flag("scrape.interval", "From one scrape of an exporter to the next.").
		Default(scrape.String()).SetValue(&scrape)
	app.Flag("evaluation.interval", "From one evaluation of a rule to the next, where its group names no other.").
		Default(evaluation.String()).SetValue(&evaluation)
	return func() {
		cfg.Retention, cfg.ScrapeInterval, cfg.EvaluationInterval = time.Duration(retention), time.Duration(scrape), time.Duration(evaluation)
	}
}

// dataDir is the first of the state directories that systemd gives.
func dataDir(state string) string {
	if first := filepath.SplitList(state); len(first) > 0 && first[0] != "" {
		return first[0]
	}
	return defaultDataDir
}

// complete fills in what follows from flags and from this host.
func (o *options) complete() error {
	cfg := &o.engine
	if o.dashboards {
		cfg.KeepFor = dashboards.Expressions()
	}
	if len(cfg.Exporters) == 0 && cfg.ConfigFile == "" && !o.demo {
		cfg.Exporters = []string{defaultExporter}
	}
	// An unknown name is no reason not to watch: alerts then have the address.
	cfg.Hostname, _ = os.Hostname()
	if o.demo {
		o.completeDemo()
	}
	own := ownURL(cfg.Hostname, *o.service.Web.WebListenAddresses)
	cfg.Instance = strings.TrimPrefix(own, "http://")
	if cfg.ExternalURL == "" {
		cfg.ExternalURL = own
	}
	for _, text := range o.externalLabels {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("--external.label=%s: want NAME=VALUE", text)
		}
		if cfg.ExternalLabels == nil {
			cfg.ExternalLabels = map[string]string{}
		}
		if _, twice := cfg.ExternalLabels[name]; twice {
			return fmt.Errorf("--external.label=%s: %s is given twice", text, name)
		}
		cfg.ExternalLabels[name] = value
	}
	return nil
}

// completeDemo changes what is otherwise in a demo.
func (o *options) completeDemo() {
	cfg := &o.engine
	cfg.Heartbeat = "" // also where the environment has one
	o.demoKeeps = *o.given[dataFlag]
	if !*o.given[listenFlag] {
		*o.service.Web.WebListenAddresses = []string{demoAddress}
		if cfg.ExternalURL == "" {
			cfg.ExternalURL = "http://" + demoAddress
		}
	}
}

// ownURL guesses where people reach this program.
func ownURL(host string, listen []string) string {
	if host == "" {
		host = "localhost"
	}
	for _, address := range listen {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			continue // of vsock, or an error that the listener gives
		}
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return "http://" + net.JoinHostPort(host, port)
		}
	}
	return "http://" + host
}
