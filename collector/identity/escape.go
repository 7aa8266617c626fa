package identity

import "strings"

// unescape undoes the escapes that systemd writes into the names of units: \xNN
// for a byte that may not stand there, the dash among them ("\x2d"), since a
// dash in a unit's name stands for a slash. It is left a dash where one is
// found: the names of machines have no slashes, and units that were named by
// hand do have dashes. What is no complete escape stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := escaped(s[i:]); ok {
			b = append(b, c)
			i += len(`\x2d`) - 1
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// escaped reads one \xNN at the beginning of s. A NUL is not let through.
func escaped(s string) (byte, bool) {
	if len(s) < 4 || s[0] != '\\' || s[1] != 'x' {
		return 0, false
	}
	hi, ok1 := hexDigit(s[2])
	lo, ok2 := hexDigit(s[3])
	c := hi<<4 | lo
	return c, ok1 && ok2 && c != 0
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
