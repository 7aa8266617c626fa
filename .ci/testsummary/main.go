// Command testsummary reads the output of go test -json, prints each package as
// it ends and the output of what fails, and closes with what was skipped and
// why. It exits with 1 if anything has failed.
package main

import (
	"flag"
	"io"
	"log"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	logger := log.New(errs, "testsummary: ", 0)
	s := newSummary(out)
	flags := flag.NewFlagSet("testsummary", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Func("note", "name something else that was skipped (repeatable)", func(note string) error {
		s.notes = append(s.notes, note)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := s.read(in); err != nil {
		logger.Print(err)
		return 2
	}
	s.close()
	if s.failed() {
		return 1
	}
	return 0
}
