package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kingpin/v2"
)

// identify is the command that says who cgroups belong to, so that what the
// exporter calls its guests can be held against a list of one's own.
type identify struct {
	name string
	args []string
	json bool
}

func newIdentify(app *kingpin.Application) *identify {
	var c identify
	cmd := app.Command("identify", "Say which guest a process or a cgroup belongs to, and which file named it.")
	cmd.Flag("json", "Print an array of objects in place of a table.").BoolVar(&c.json)
	cmd.Arg("PATH|PID", "A process by number, or the path of a cgroup, from its hierarchy's root or below sysfs.").
		Required().StringsVar(&c.args)
	c.name = cmd.FullCommand()
	return &c
}

// identified is one line of the answer. What is no guest has but a path.
type identified struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Runtime string `json:"runtime"`
	Guest   string `json:"guest"`
	ID      string `json:"id"`
	Source  string `json:"source"`
}

// run prints an answer for each argument that has one, and returns an error for
// each of the others. Names that lack of permission hides are no error: that is
// how the exporter sees them too.
func (c *identify) run(h host, stdout, stderr io.Writer) error {
	found := make([]identified, 0, len(c.args))
	var failed []error
	for _, arg := range c.args {
		paths, err := h.cgroups(arg)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		f, denied := h.identify(paths)
		found = append(found, f)
		if denied {
			fmt.Fprintf(stderr, "%s: note: what names %s may not be read, try as root\n", program, f.Path)
		}
	}
	write := writeTable
	if c.json {
		write = writeJSON
	}
	if err := write(stdout, found); err != nil {
		failed = append(failed, fmt.Errorf("writing the answer: %w", err))
	}
	return errors.Join(failed...)
}

func writeJSON(w io.Writer, found []identified) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(found)
}

func writeTable(w io.Writer, found []identified) error {
	if len(found) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "PATH\tKIND\tRUNTIME\tGUEST\tID\tSOURCE")
	for _, f := range found {
		fmt.Fprintln(t, strings.Join([]string{
			cell(f.Path), cell(f.Kind), cell(f.Runtime), cell(f.Guest), cell(f.ID), cell(f.Source),
		}, "\t"))
	}
	return t.Flush()
}

// cell makes one word of a value, so that no name can break the table or reach
// the terminal's controls.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	if q := strconv.Quote(s); strings.ContainsAny(s, " \u00a0") || strings.ReplaceAll(q[1:len(q)-1], `\\`, `\`) != s {
		return q
	}
	return s
}
