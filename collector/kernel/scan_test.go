package kernel

import (
	"math"
	"strconv"
	"testing"
)

func TestParseUint(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true},
		{"007", 7, true},
		{"9223372036854771712", 9223372036854771712, true},
		{"18446744073709551615", math.MaxUint64, true},
		{"18446744073709551616", 0, false},
		{"18446744073709551620", 0, false},
		{"99999999999999999999", 0, false},
		{"000000000000000000001", 0, false}, // longer than any number of the kernel
		{"", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1 ", 0, false},
		{"1\x00", 0, false},
		{"1844674407370955161x", 0, false},
		{"0x10", 0, false},
	} {
		got, ok := parseUint([]byte(tc.in))
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("parseUint(%q) = %d, %t; want %d, %t", tc.in, got, ok, tc.want, tc.ok)
		}
	}
}

func FuzzParseUint(f *testing.F) {
	f.Add("0")
	f.Add("18446744073709551615")
	f.Add("18446744073709551616")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseUint([]byte(s))
		want, err := strconv.ParseUint(s, 10, 64)
		if len(s) <= maxDigits && ok != (err == nil) || ok && got != want {
			t.Errorf("parseUint(%q) = %d, %t; strconv says %d, %v", s, got, ok, want, err)
		}
	})
}

func TestCutUint(t *testing.T) {
	for _, tc := range []struct {
		in, rest string
		want     uint64
		ok       bool
	}{
		{"12 x", "x", 12, true},
		{"12", "", 12, true},
		{"18446744073709551615 x", "x", math.MaxUint64, true},
		{"18446744073709551616 x", "x", 0, false},
		{"0000000000000000001", "", 1, true},
		{"", "", 0, false},
		{" 1", "1", 0, false},
		{"1x 2", "2", 0, false},
	} {
		got, rest, ok := cutUint([]byte(tc.in))
		if ok != tc.ok || string(rest) != tc.rest || ok && got != tc.want {
			t.Errorf("cutUint(%q) = %d, %q, %t; want %d, %q, %t", tc.in, got, rest, ok, tc.want, tc.rest, tc.ok)
		}
	}
}

func TestCutField(t *testing.T) {
	field, rest := cutField([]byte("  a\tb  c "))
	if string(field) != "a" || string(rest) != "b  c " {
		t.Errorf("got %q and %q", field, rest)
	}
	if field, rest = cutField([]byte(" ")); len(field)+len(rest) != 0 {
		t.Errorf("got %q and %q of a blank", field, rest)
	}
}
