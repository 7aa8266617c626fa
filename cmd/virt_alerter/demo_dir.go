package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// demoDir is a directory for as long as a demo lasts, below $TMPDIR. It is locked: one
// that is not is of a demo that was killed.
type demoDir struct{ *os.File }

const (
	demoDirPrefix = program + "-demo-"
	// A directory that is younger may be about to be locked.
	demoDirYoung = time.Minute
)

// newDemoDir makes such a directory, and removes those that were left.
func newDemoDir() (*demoDir, error) {
	removeLeftDemos(os.TempDir(), time.Now().Add(-demoDirYoung))
	name, err := os.MkdirTemp("", demoDirPrefix)
	if err != nil {
		return nil, err
	}
	d, err := lockDir(name)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(name))
	}
	return d, nil
}

// lockDir locks a directory until it is closed, or fails where somebody else has.
func lockDir(name string) (*demoDir, error) {
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: name, Err: err}, syscall.Close(fd))
	}
	return &demoDir{os.NewFile(uintptr(fd), name)}, nil
}

// remove removes the directory with all that is in it, then the lock.
func (d *demoDir) remove() error { return errors.Join(os.RemoveAll(d.Name()), d.Close()) }

// removeLeftDemos removes the directories of this user's demos that were made before a
// time and that nobody holds. What cannot be removed stays, as it was.
func removeLeftDemos(in string, before time.Time) {
	entries, _ := os.ReadDir(in)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), demoDirPrefix) || !e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			continue
		}
		if d, err := lockDir(filepath.Join(in, e.Name())); err == nil {
			_ = d.remove()
		}
	}
}
