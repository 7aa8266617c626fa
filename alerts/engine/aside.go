package engine

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// asideDir is where samples of the future are kept, in the data directory, until
	// they are older than the retention. Those of another time that the clock is set
	// back are kept beside them, in ahead.2 and so on.
	asideDir = "ahead"
	// maxAside is how many of these directories there may be: each may be as large
	// as the database.
	maxAside = 3
)

// aside is a directory in which samples of the future are.
type aside struct {
	number int // 1 is the first that was made
	path   string
}

func asidePath(dir string, number int) string {
	name := asideDir
	if number > 1 {
		name += "." + strconv.Itoa(number)
	}
	return filepath.Join(dir, name)
}

// asideNumber is the number in the name of such a directory.
func asideNumber(name string) (int, bool) {
	if name == asideDir {
		return 1, true
	}
	digits, ok := strings.CutPrefix(name, asideDir+".")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 2 || strconv.FormatInt(n, 10) != digits {
		return 0, false
	}
	return int(n), true
}

// asides returns the directories that hold what a TSDB made, the oldest first.
func asides(dir string) ([]aside, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for what was put aside: %w", err)
	}
	var list []aside
	for _, e := range entries {
		n, ok := asideNumber(e.Name())
		if !ok {
			continue
		}
		a := aside{n, filepath.Join(dir, e.Name())}
		if info, err := os.Stat(a.path); err != nil || !info.IsDir() {
			continue // somebody's file of that name
		}
		inside, err := os.ReadDir(a.path)
		if err != nil {
			return nil, fmt.Errorf("reading what was put aside: %w", err)
		}
		if slices.ContainsFunc(inside, func(e os.DirEntry) bool { return ofTSDB(e.Name()) }) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b aside) int { return a.number - b.number })
	return list, nil
}

// putAside moves all that a TSDB made in its directory to a directory of its own,
// which it returns. What was put aside before stays.
func putAside(dir string) (string, error) {
	before, err := asides(dir)
	if err != nil {
		return "", err
	}
	number := 1
	if len(before) > 0 {
		number = before[len(before)-1].number + 1
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("reading the data directory: %w", err)
	}
	to := asidePath(dir, number)
	if err := os.MkdirAll(to, 0o750); err != nil {
		return "", fmt.Errorf("making room for samples of the future: %w", err)
	}
	for _, e := range entries {
		if !ofTSDB(e.Name()) {
			continue
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return "", fmt.Errorf("putting samples of the future aside: %w", err)
		}
	}
	return to, nil
}

// limitAside removes the oldest of what was put aside where there is too much of
// it. What cannot be removed only takes space.
func limitAside(dir string, logger *slog.Logger) {
	list, err := asides(dir)
	if err != nil {
		logger.Warn("Samples that were put aside are not counted", "err", err)
		return
	}
	for _, a := range list[:max(0, len(list)-maxAside)] {
		if err := a.remove(); err != nil {
			logger.Warn("Samples that were put aside stay", "err", err)
			continue
		}
		logger.Warn("Samples that were put aside first are removed, for the clock was set back again and again", "dir", a.path)
	}
}

// expireAside removes what was put aside longer ago than samples are kept.
func expireAside(dir string, retention time.Duration, now time.Time) error {
	list, err := asides(dir)
	if err != nil {
		return err
	}
	for _, a := range list {
		info, err := os.Stat(a.path)
		if err != nil {
			return fmt.Errorf("looking for what was put aside: %w", err)
		}
		if now.Sub(info.ModTime()) <= retention {
			continue
		}
		if err := a.remove(); err != nil {
			return err
		}
	}
	return nil
}

// remove removes what a TSDB made, and the directory where nothing else is in it.
func (a aside) remove() error {
	entries, err := os.ReadDir(a.path)
	if err != nil {
		return fmt.Errorf("reading what was put aside: %w", err)
	}
	left := 0
	for _, e := range entries {
		if !ofTSDB(e.Name()) {
			left++
			continue
		}
		if err := os.RemoveAll(filepath.Join(a.path, e.Name())); err != nil {
			return fmt.Errorf("removing what was put aside: %w", err)
		}
	}
	if left > 0 {
		return nil
	}
	if err := os.Remove(a.path); err != nil {
		return fmt.Errorf("removing what was put aside: %w", err)
	}
	return nil
}
