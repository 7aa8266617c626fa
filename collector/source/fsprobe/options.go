package fsprobe

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// Options say what is probed and how often.
type Options struct {
	ProcFS string // where procfs is mounted
	RootFS string // where the host's root is mounted; another than / says that the exporter is in a container of it

	Within kernel.CgroupNamespace // in which the exporter is; the zero value for none

	Interval time.Duration // from one cycle of a mount to the next; 0 means DefaultInterval
	Timeout  time.Duration // after which an operation that is not answered has its helper killed; 0 means DefaultTimeout

	References []string // directories to compare with, at most one local and one in memory; none: chosen
	Mounts     []string // to probe besides those that are found: PATH, or RUNTIME/GUEST:PATH
	Exclude    string   // mountpoints, and directories given to machines, that are left out: a regular expression for the whole path
	ReadFiles  []string // files for tier 1
	WriteDirs  []string // directories for tier 2
	MaxMounts  int      // most mounts, shares included, that are probed; 0 means DefaultMaxMounts

	// Start starts a helper; nil starts this program anew as one. Random spreads
	// cycles over time; nil is seeded anew.
	Start  func(name string) (Helper, error)
	Random *rand.Rand
}

// What is not configured.
const (
	DefaultInterval  = time.Minute
	DefaultTimeout   = 10 * time.Second
	DefaultMaxMounts = 32
)

// least bounds what may be configured.
const (
	leastInterval = time.Second
	leastTimeout  = time.Second
)

// CheckInterval reports whether cycles may come so often.
func CheckInterval(d time.Duration) error {
	if d < leastInterval {
		return fmt.Errorf("less than %v: probes would do little else", leastInterval)
	}
	return nil
}

// CheckTimeout reports whether an operation may take so long.
func CheckTimeout(d time.Duration) error {
	if d < leastTimeout {
		return fmt.Errorf("less than %v: a file system that is well would count as stuck", leastTimeout)
	}
	return nil
}

// CheckPaths reports which of the paths is not one that a probe can use.
func CheckPaths(paths []string) error {
	for i, p := range paths {
		switch {
		case !path.IsAbs(p):
			return fmt.Errorf("%q is not an absolute path", p)
		case path.Clean(p) != p:
			return fmt.Errorf("%q must be written as %s", p, path.Clean(p))
		case strings.ContainsRune(p, 0):
			return fmt.Errorf("%q holds a byte that no path holds", p)
		}
		for _, q := range paths[:i] {
			if p == q {
				return fmt.Errorf("%s is there twice", p)
			}
		}
	}
	return nil
}

// CheckReferences reports what is wrong with directories to compare with.
func CheckReferences(dirs []string) error {
	if len(dirs) > maxReferences {
		return errors.New("at most one local and one in memory")
	}
	return CheckPaths(dirs)
}

const maxReferences = 2

// CheckMounts reports which name of a mount is none.
func CheckMounts(names []string) error {
	for _, name := range names {
		if _, err := ParseNamed(name); err != nil {
			return err
		}
	}
	return nil
}

// CheckExclude reports whether the expression is one.
func CheckExclude(expr string) error {
	_, err := exclude(expr)
	return err
}

// exclude returns the expression for whole mountpoints, nil where there is none.
func exclude(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err // without what is put around it
	}
	return regexp.Compile("^(?:" + expr + ")$")
}
