package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Bounds of a request.
const (
	maxRequest    = 64 << 10 // bytes of its line
	maxPath       = 4095     // bytes, the kernel's own
	maxReferences = 8
	maxPairs      = 1000
	maxWarmup     = 100
	maxGap        = time.Second
)

// decodeRequest reads one line.
func decodeRequest(line []byte) (*Request, error) {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("decode a request: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	return &r, nil
}

// check returns why the request makes no sense. Where a path leads the kernel
// decides when it is opened.
func (r *Request) check() error {
	switch {
	case r.Pairs < 1 || r.Pairs > maxPairs:
		return fmt.Errorf("pairs: %d is not between 1 and %d", r.Pairs, maxPairs)
	case r.Warmup < 0 || r.Warmup > maxWarmup:
		return fmt.Errorf("warmup: %d is not between 0 and %d", r.Warmup, maxWarmup)
	case r.Gap < 0 || r.Gap > maxGap:
		return fmt.Errorf("gap: %v is not between 0 and %v", r.Gap, maxGap)
	case len(r.References) > maxReferences:
		return fmt.Errorf("references: more than %d", maxReferences)
	}
	paths := []struct {
		name, path string
		optional   bool
	}{
		{"path", r.Path, false},
		{"root", r.Root, true},
		{"read file", r.ReadFile, true},
		{"write directory", r.WriteDir, true},
	}
	for _, p := range paths {
		if p.optional && p.path == "" {
			continue
		}
		if err := checkPath(p.path); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for _, ref := range r.References {
		if err := checkPath(ref.Dir); err != nil {
			return fmt.Errorf("reference %.40q: %w", ref.Label, err)
		}
	}
	return nil
}

func checkPath(p string) error {
	switch {
	case len(p) > maxPath:
		return errors.New("too long a path")
	case strings.ContainsRune(p, 0):
		return errors.New("a NUL in the path")
	case !path.IsAbs(p):
		return fmt.Errorf("%.40q is not absolute", p)
	case path.Clean(p) != p:
		return fmt.Errorf("%.40q has dots or slashes too many", p)
	}
	return nil
}
