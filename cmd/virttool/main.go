// Command virttool is the person's tool beside virt_exporter.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/alecthomas/kingpin/v2"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

const program = "virttool"

func main() {
	if probe.Asked() { // check-fs has started this program as its helper
		os.Exit(probe.Main())
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code. What cannot be done is
// one line on stderr each.
func run(args []string, stdout, stderr io.Writer) int {
	answered := false
	app := kingpin.New(program, "Looks at the guests of this machine as virt_exporter does.")
	app.UsageWriter(stdout)
	app.HelpFlag.Short('h')
	// kingpin would end the process here, after --help only: errors come back
	// from Parse.
	app.Terminate(func(int) { answered = true })

	h := host{within: sync.OnceValue(kernel.FindCgroupNamespace)}
	app.Flag("path.procfs", "Where procfs is mounted.").Default("/proc").StringVar(&h.procfs)
	app.Flag("path.sysfs", "Where sysfs is mounted.").Default("/sys").StringVar(&h.sysfs)
	app.Flag("path.rootfs", "Where the root of the host is mounted.").Default("/").StringVar(&h.rootfs)
	identify, check := newIdentify(app), newCheckFS(app)

	command, err := app.Parse(args)
	code := 0
	switch {
	case answered:
		return 0
	case err != nil:
		return fail(stderr, fmt.Errorf("%w, try --help", err))
	case command == identify.name:
		err = identify.run(h, stdout, stderr)
	case command == check.name:
		code, err = check.run(h, stdout, stderr)
	}
	if err != nil {
		fail(stderr, err)
		return max(code, 1)
	}
	return code
}

// fail says each of the joined errors in one line and returns the exit code.
func fail(stderr io.Writer, err error) int {
	all := []error{err}
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		line := strings.Join(strings.Fields(err.Error()), " ")
		// Nothing is left to be told if stderr cannot be written.
		_, _ = fmt.Fprintf(stderr, "%s: error: %s\n", program, line)
	}
	return 1
}
