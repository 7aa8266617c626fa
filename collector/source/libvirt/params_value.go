package libvirt

import (
	"math"
	"strings"
	"unicode/utf8"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxLabel bounds the length of a label's value, in bytes.
const maxLabel = 3 << 10

// count returns a counter or a size. libvirt has changed the types of parameters
// before, hence any number that is not negative will do; a truth value is none.
func count(v *golibvirt.TypedParamValue) (n uint64, ok bool) {
	if v.D == uint32(golibvirt.TypedParamBoolean) {
		return 0, false
	}
	switch i := v.I.(type) {
	case uint64:
		return i, true
	case uint32:
		return uint64(i), true
	case int64:
		return uint64(max(i, 0)), i >= 0
	case int32:
		return uint64(max(i, 0)), i >= 0
	case float64:
		if i >= 0 && i < math.MaxUint64 {
			return uint64(i), true
		}
	}
	return 0, false
}

// scaled returns a counter or a size in a base unit, of which it counts so many.
func scaled(v *golibvirt.TypedParamValue, unit float64) model.Opt {
	n, ok := count(v)
	if !ok {
		return model.Opt{}
	}
	return model.Some(float64(n) * unit)
}

// seconds returns a time that libvirt gives in nanoseconds.
func seconds(v *golibvirt.TypedParamValue) model.Opt {
	n, ok := count(v)
	if !ok {
		return model.Opt{}
	}
	return model.Some(float64(n) / nanoseconds)
}

// intern keeps the name of a device in *kept and returns whether there is one. A
// name that has not changed costs nothing and lets the daemon's reply go.
func intern(kept *string, v *golibvirt.TypedParamValue) bool {
	s, ok := v.I.(string)
	if !ok || s == "" {
		return false
	}
	if s != *kept {
		*kept = strings.Clone(label(s))
	}
	return true
}

// label makes a label's value of bytes from outside: valid UTF-8, of bounded
// length and without a character cut in half.
func label(s string) string {
	if len(s) > maxLabel {
		end := maxLabel
		for end > maxLabel-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > maxLabel {
		return label(s)
	}
	return s
}
