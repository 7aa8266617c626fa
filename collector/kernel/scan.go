package kernel

import (
	"bytes"
	"errors"
	"fmt"
)

// What a parser can find wrong with a file. Errors name the file as well.
var (
	// ErrEmpty says that a file that always holds something holds nothing.
	ErrEmpty = errors.New("file is empty")

	// ErrTruncated says that a file ends early: without the newline that the
	// kernel always writes last, or without a line that is always there.
	ErrTruncated = errors.New("file is cut off")

	// ErrMalformed says that a known key has a value that is none.
	ErrMalformed = errors.New("malformed value")
)

// malformed says that the value of key could not be read. It is apart from the
// parsers so that they stay free of allocations.
func malformed(file, key string) error {
	return fmt.Errorf("parsing %s: %s: %w", file, key, ErrMalformed)
}

func truncated(file string) error { return fmt.Errorf("parsing %s: %w", file, ErrTruncated) }

// missing says that a line that the kernel always writes was not found.
func missing(file, key string) error {
	return fmt.Errorf("parsing %s: no %s: %w", file, key, ErrTruncated)
}

func empty(file string) error { return fmt.Errorf("parsing %s: %w", file, ErrEmpty) }

// Digits of the largest uint64, and so many that no number of that length
// overflows.
const (
	maxDigits  = 20
	safeDigits = 19
)

// parseUint reads an unsigned decimal number. Nothing but digits is allowed.
func parseUint(b []byte) (v uint64, ok bool) {
	if len(b) == 0 || len(b) > maxDigits {
		return 0, false
	}
	head := b
	if len(b) > safeDigits {
		head = b[:safeDigits]
	}
	for _, c := range head {
		d := c - '0' // wraps round for what is below '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	if len(b) == len(head) {
		return v, true
	}
	d := uint64(b[safeDigits] - '0')
	const limit = 1<<64 - 1
	if d > 9 || v > limit/10 || v*10 > limit-d {
		return 0, false
	}
	return v*10 + d, true
}

// cutUint reads the number that b begins with, which a blank or the end of b
// must follow, and returns what comes after that.
func cutUint(b []byte) (v uint64, rest []byte, ok bool) {
	for i, c := range b {
		if d := c - '0'; d <= 9 && i < safeDigits {
			v = v*10 + uint64(d)
			continue
		}
		if c == ' ' && i > 0 {
			return v, b[i+1:], true
		}
		field, rest, _ := cutByte(b, ' ')
		v, ok = parseUint(field) // too long, or wrong
		return v, rest, ok
	}
	return v, nil, len(b) > 0
}

// cutLine splits b after its first line. It is false when the line has no end,
// as the last one of a file that was cut off.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// cutField splits b after its first field and the blanks around it. The field
// is empty at the end of b.
func cutField(b []byte) (field, rest []byte) {
	i := 0
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	start := i
	for i < len(b) && !isBlank(b[i]) {
		i++
	}
	field = b[start:i]
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return field, b[i:]
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// cutByte splits b at the first sep. Fields are short, so that a plain loop is
// quicker than bytes.Cut.
func cutByte(b []byte, sep byte) (before, after []byte, ok bool) {
	for i, c := range b {
		if c == sep {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}
