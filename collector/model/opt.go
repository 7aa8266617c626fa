package model

// Opt is a reading that may be absent. The zero value is absent, and what is
// absent is never exposed: a file that does not exist, a limit that is not
// set and a guest that does not report are not zeros.
type Opt struct {
	value   float64
	present bool
}

// Some returns a reading that is there.
func Some(v float64) Opt { return Opt{value: v, present: true} }

// Get returns the reading and whether there is one.
func (o Opt) Get() (float64, bool) { return o.value, o.present }

// Or returns the reading, or fallback where there is none.
func (o Opt) Or(fallback float64) float64 {
	if o.present {
		return o.value
	}
	return fallback
}

// Min returns the smaller reading of those that are there.
func (o Opt) Min(other Opt) Opt {
	if !o.present || (other.present && other.value < o.value) {
		return other
	}
	return o
}

// Plus returns the sum of the readings that are there.
func (o Opt) Plus(other Opt) Opt {
	switch {
	case !o.present:
		return other
	case !other.present:
		return o
	}
	return Some(o.value + other.value)
}
