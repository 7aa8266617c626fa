package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seed adds files of real kernels, and texts, to what fuzzing begins with.
func seed(f *testing.F, fixtures []string, texts ...string) {
	f.Helper()
	for _, name := range fixtures {
		f.Add(fixture(f, name))
	}
	for _, s := range texts {
		f.Add([]byte(s))
	}
}

// checkError fails unless err, if there is one, is of one kind that callers
// know, and says that a file is empty of an empty one alone.
func checkError(t *testing.T, b []byte, err error) {
	t.Helper()
	kinds := 0
	for _, kind := range []error{ErrEmpty, ErrTruncated, ErrMalformed} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if err != nil && kinds != 1 || errors.Is(err, ErrEmpty) && len(b) > 0 {
		t.Errorf("%q: error is %v", b, err)
	}
}

// checkStruct checks a parser that fills in a struct: it forgets what was
// there, leaves the input alone, and reads back what format writes, whatever
// the order of its lines. It is not ok when b does not parse.
func checkStruct[T comparable](t *testing.T, b []byte, dirty T, parse func([]byte, *T) error, format func(T) []string) (got T, ok bool) {
	t.Helper()
	in := bytes.Clone(b)
	err := parse(b, &got)
	checkError(t, b, err)
	if err2 := parse(b, &dirty); got != dirty || fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Errorf("%q gives %+v, %v; into a used struct %+v, %v", b, got, err, dirty, err2)
	}
	if !bytes.Equal(in, b) {
		t.Errorf("input %q became %q", in, b)
	}
	if err != nil {
		return got, false
	}
	lines := format(got)
	for range 2 {
		text := strings.Join(lines, "\n") + "\n"
		var again T
		if err := parse([]byte(text), &again); err != nil || again != got {
			t.Errorf("%+v comes back as %+v, %v", got, again, err)
		}
		slices.Reverse(lines)
	}
	return got, true
}

// checkValue checks a parser that returns a value: with an error the value is
// zero, and without one it reads back what format writes.
func checkValue[T comparable](t *testing.T, b []byte, parse func([]byte) (T, error), format func(T) string) (got T, ok bool) {
	t.Helper()
	got, err := parse(b)
	checkError(t, b, err)
	var zero T
	if err != nil {
		if got != zero {
			t.Errorf("%q gives %+v as well as %v", b, got, err)
		}
		return got, false
	}
	if again, err := parse([]byte(format(got))); err != nil || again != got {
		t.Errorf("%+v comes back as %+v, %v", got, again, err)
	}
	return got, true
}

// checkSlice checks a parser that appends: what was there stays, with room
// behind it or without, nothing of a used slice shows, and it reads back what
// format writes, in any order. It is not ok when b does not parse.
func checkSlice[T any](t *testing.T, b []byte, old []T, parse func([]byte, []T) ([]T, error), format func([]T) string) (got []T, ok bool) {
	t.Helper()
	got, err := parse(b, nil)
	checkError(t, b, err)
	for _, dst := range [][]T{slices.Clip(slices.Clone(old)), slices.Repeat(old, 8)[:len(old)], slices.Repeat(old, 8)[:0]} {
		was := slices.Clone(dst)
		all, err2 := parse(b, dst)
		if fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("%q: error is %v, of another slice %v", b, err, err2)
		}
		if len(all) < len(was) || !same(all[:len(was)], was) || !same(dst, was) || !same(all[len(was):], got) {
			t.Errorf("%q gives %+v; appended to %+v it gives %+v", b, got, was, all)
		}
	}
	if err != nil {
		return got, false
	}
	want := slices.Clone(got)
	for range 2 {
		text := format(want)
		if again, err := parse([]byte(text), nil); err != nil || !same(again, want) {
			t.Errorf("%q, of %+v, comes back as %+v, %v", text, want, again, err)
		}
		slices.Reverse(want)
	}
	return got, true
}

// same compares elements, so that no slice is as good as an empty one.
func same[T any](x, y []T) bool {
	return slices.EqualFunc(x, y, func(a, b T) bool { return cmp.Equal(a, b) })
}

// checkTwice checks that lines are read one by one: a file written twice in a
// row gives everything twice.
func checkTwice[T any](t *testing.T, b []byte, got []T, parse func([]byte, []T) ([]T, error)) {
	t.Helper()
	again, err := parse(slices.Repeat(b, 2), nil)
	if err != nil || !same(again, slices.Repeat(got, 2)) {
		t.Errorf("%q twice gives %+v, %v", b, again, err)
	}
}

// checkCutOff checks that a file that parses does not without its last newline.
func checkCutOff(t *testing.T, b []byte, parse func([]byte) error) {
	t.Helper()
	cut := bytes.TrimSuffix(b, []byte("\n"))
	if len(cut) == 0 || bytes.HasSuffix(cut, []byte("\n")) {
		return // nothing but a blank line is missing
	}
	if err := parse(cut); !errors.Is(err, ErrTruncated) {
		t.Errorf("%q: error is %v", cut, err)
	}
}

// checkKeyed checks a parser of lines "key value": all that it returns stands
// in the file, lines of unknown keys change nothing, and neither does the order
// of the lines when no key comes twice.
func checkKeyed[T comparable](t *testing.T, b []byte, parse func([]byte) (T, error), format func(T) []string) {
	t.Helper()
	got, err := parse(b)
	if back, ok := backwards(b); ok {
		if again, err2 := parse(back); (err == nil) != (err2 == nil) || err == nil && again != got {
			t.Errorf("%q gives %+v, %v; backwards %+v, %v", b, got, err, again, err2)
		}
	}
	if err != nil {
		return
	}
	for _, line := range format(got) {
		if !hasLine(b, line) {
			t.Errorf("%q has no line %q, but gives %+v", b, line, got)
		}
	}
	if again, err := parse(slices.Concat([]byte("new_key x\n"), b)); err != nil || again != got {
		t.Errorf("%q gives %+v; with an unknown key %+v, %v", b, got, again, err)
	}
}

// backwards returns the lines of a file in reverse. It is not ok for a file
// that is cut off, or where a key comes twice.
func backwards(b []byte) ([]byte, bool) {
	if !bytes.HasSuffix(b, []byte("\n")) {
		return nil, false
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	seen := map[string]bool{}
	for _, line := range lines {
		key, _, _ := strings.Cut(string(bytes.TrimSuffix(line, []byte("\n"))), " ")
		if key != "" && seen[key] {
			return nil, false
		}
		seen[key] = true
	}
	slices.Reverse(lines)
	return bytes.Join(lines, nil), true
}

// hasLine reports whether a file has the line "key number". Zeros before the
// number are nothing that a parser need mind.
func hasLine(b []byte, want string) bool {
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		for len(value) > 1 && value[0] == '0' {
			value = value[1:]
		}
		if key+" "+value == want {
			return true
		}
	}
	return false
}
