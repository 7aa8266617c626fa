package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
)

// The exit codes of check-fs beside 0: nothing is above a threshold, and 1: it
// could not be measured.
const (
	exitWarning  = 2 // an operation is above its warning threshold
	exitCritical = 3 // above its critical one, or the mount does not answer
)

// checkFS is the command that measures a mount once, as the exporter does all the
// time.
type checkFS struct {
	name string
	job  fsprobe.Job
	json bool
}

func newCheckFS(app *kingpin.Application) *checkFS {
	c := checkFS{}
	cmd := app.Command("check-fs", fmt.Sprintf("Measure how much longer file operations take on a mount than on a reference. Exits with %d where one is above its warning threshold, with %d above its critical one or if the mount hangs.", exitWarning, exitCritical))
	cmd.Flag("reference", "Directory to compare with, of a local file system or of one in memory; without it, one is chosen. Repeatable.").
		PlaceHolder("PATH").StringsVar(&c.job.References)
	cmd.Flag("read-file", "File on the mount to read: adds the operations read and readdir.").
		PlaceHolder("FILE").StringVar(&c.job.ReadFile)
	cmd.Flag("write-dir", "Directory on the mount to write in: adds the operations create, write, rename and unlink. Nothing is left in it.").
		PlaceHolder("DIR").StringVar(&c.job.WriteDir)
	cmd.Flag("pairs", "Pairs of each operation: more narrow the bounds.").Default("31").IntVar(&c.job.Pairs)
	cmd.Flag("timeout", "How long one operation may take until the mount counts as hung.").
		Default(fsprobe.DefaultTimeout.String()).DurationVar(&c.job.Timeout)
	cmd.Flag("json", "Print an array of objects in place of a table.").BoolVar(&c.json)
	cmd.Arg("PATH", "A directory on the mount.").Required().StringVar(&c.job.Path)
	c.name = cmd.FullCommand()
	return &c
}

// maxPairs keeps a check from becoming a load.
const maxPairs = 1000

// prepare makes the paths absolute, by name alone: nothing below a mount is
// touched but by the helper.
func (c *checkFS) prepare(h host) error {
	if c.job.Pairs < 1 || c.job.Pairs > maxPairs {
		return fmt.Errorf("--pairs=%d: must be between 1 and %d", c.job.Pairs, maxPairs)
	}
	if err := fsprobe.CheckTimeout(c.job.Timeout); err != nil {
		return fmt.Errorf("--timeout=%v: %w", c.job.Timeout, err)
	}
	paths := []*string{&c.job.Path, &c.job.ReadFile, &c.job.WriteDir}
	for i := range c.job.References {
		paths = append(paths, &c.job.References[i])
	}
	for _, p := range paths {
		if *p == "" {
			continue
		}
		if !filepath.IsAbs(*p) {
			// Not os.Getwd, which looks at what the shell says it is.
			dir, err := os.Readlink("/proc/self/cwd")
			if err != nil {
				return fmt.Errorf("%s: %w", *p, err)
			}
			*p = filepath.Join(dir, *p)
		}
		*p = filepath.Clean(*p)
	}
	if err := fsprobe.CheckReferences(c.job.References); err != nil {
		return fmt.Errorf("--reference: %w", err)
	}
	c.job.ProcFS = h.procfs
	return nil
}

// run measures, says what was found and returns the exit code.
func (c *checkFS) run(h host, stdout, stderr io.Writer) (int, error) {
	if err := c.prepare(h); err != nil {
		return 1, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m, err := fsprobe.Measure(ctx, c.job)
	if err != nil {
		return 1, fmt.Errorf("measuring %s: %w", c.job.Path, err)
	}
	rows, worst := judge(&m)
	write := writeCheckTable
	if c.json {
		write = writeCheckJSON
	}
	if err := write(stdout, c.job.Path, &m, rows); err != nil {
		return 1, fmt.Errorf("writing the answer: %w", err)
	}
	for _, s := range m.Skips {
		note := s.Reason
		if s.Op == "" && s.Reason == model.SkipReplaced.String() {
			note += ": the path leads to another mount, give the one where it leads"
		}
		if s.Err != "" {
			note += " (" + s.Err + ")"
		}
		fmt.Fprintf(stderr, "%s: note: %s was left out: %s\n", program, orThe(string(s.Op), "everything"), note)
	}
	if stuck := m.Mount.Stuck; stuck != nil {
		return exitCritical, fmt.Errorf("%s does not answer %s: its helper has waited for %v in state %s%s",
			c.job.Path, orThe(stuck.Op, "anything"), seconds(m.Mount.StuckSeconds.Or(0)).Round(time.Second), stuck.State, in(stuck.Channel))
	}
	if len(rows) == 0 {
		return 1, fmt.Errorf("measuring %s: nothing could be measured", c.job.Path)
	}
	return worst.exitCode(), nil
}

func orThe(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func in(channel string) string {
	if channel == "" {
		return ""
	}
	return " in " + strings.ToValidUTF8(channel, "")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
