package service

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
)

// ErrAnswered says that the command line asked for help or the version and has
// its answer.
var ErrAnswered = errors.New("answered")

// Flags are those of every program that serves.
type Flags struct {
	Web                 *web.FlagConfig
	LogLevel, LogFormat string
}

// AddFlags adds them. The address is where the program listens by default.
func AddFlags(app *kingpin.Application, address string) *Flags {
	f := &Flags{Web: kingpinflag.AddFlags(app, address)}
	app.Flag("log.level", "Only log messages of this level and above: debug, info, warn, error.").
		Default("info").EnumVar(&f.LogLevel, "debug", "info", "warn", "error")
	app.Flag("log.format", "Form of log messages: logfmt, json.").
		Default("logfmt").EnumVar(&f.LogFormat, "logfmt", "json")
	return f
}

// ListenFlag names the flag that an error of the listeners is about.
func (f *Flags) ListenFlag() string {
	if f.OwnsSockets() {
		return "--web.systemd-socket"
	}
	return "--web.listen-address"
}

// OwnsSockets reports whether systemd opened the listeners.
func (f *Flags) OwnsSockets() bool {
	return f.Web.WebSystemdSocket != nil && *f.Web.WebSystemdSocket
}

// Parse reads the command line. What was asked for by --help or --version goes to
// stdout, and the error is then ErrAnswered; another names the flag.
func Parse(app *kingpin.Application, args []string, stdout io.Writer) error {
	answered := false
	app.UsageWriter(stdout)
	app.Version(version.Print(app.Name))
	app.HelpFlag.Short('h')
	app.VersionFlag.Short('V')
	// kingpin would end the process here. It calls this for its answers only:
	// errors come back from Parse.
	app.Terminate(func(int) { answered = true })

	_, err := app.Parse(args)
	if answered {
		return ErrAnswered
	}
	if err != nil {
		return nameFlag(app, args, err)
	}
	return nil
}

// nameFlag puts the flag before what kingpin says of its value alone.
func nameFlag(app *kingpin.Application, args []string, err error) error {
	line, parseErr := app.ParseContext(args)
	if parseErr != nil {
		return err // which has the name
	}
	for _, e := range line.Elements {
		f, ok := e.Clause.(*kingpin.FlagClause)
		if ok && e.Value != nil && f.Model().Value.Set(*e.Value) != nil {
			return fmt.Errorf("--%s=%s: %w", f.Model().Name, *e.Value, err)
		}
	}
	return err
}

// Fail says what is wrong in one line, whatever the error holds, and returns the
// exit code.
func Fail(stderr io.Writer, program string, err error) int {
	line := strings.Join(strings.Fields(err.Error()), " ")
	// Nothing is left to be told if stderr cannot be written.
	_, _ = fmt.Fprintf(stderr, "%s: error: %s\n", program, line)
	return 1
}

// Refuse is Fail for a command line that will be as wrong the next time: its exit code,
// EX_USAGE of sysexits.h, tells service managers not to start the program again. 2 is
// what a panic ends with.
func Refuse(stderr io.Writer, program string, err error) int {
	Fail(stderr, program, err)
	return 64
}
