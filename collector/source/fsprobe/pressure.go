package fsprobe

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// tooMuch is the share of the last ten seconds, in percent, in which tasks of
// this machine waited: with more than this a probe would measure that, and add
// to it.
const tooMuch = 50

// pressed reports whether this machine has no time for probes. A machine without
// PSI is never known to be pressed.
func (s *Source) pressed() bool {
	for _, resource := range []string{"io", "memory"} {
		b, err := os.ReadFile(filepath.Join(s.opts.ProcFS, "pressure", resource))
		if err == nil && waitingPercent(b) > tooMuch {
			return true
		}
	}
	return false
}

// waitingPercent reads "some avg10=1.23 …".
func waitingPercent(b []byte) float64 {
	_, after, ok := bytes.Cut(b, []byte("some avg10="))
	if !ok {
		return 0
	}
	number, _, _ := bytes.Cut(after, []byte(" "))
	percent, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return 0
	}
	return percent
}
