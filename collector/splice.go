package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

// splice is a counter that two sources can give. It goes on from where it stood when
// it changes from one to the other, so that what is exposed neither jumps nor falls:
// it grows by what the better source grew by, and by the other's increase while the
// better one is not there. The zero value is ready.
type splice struct {
	total  float64
	known  bool
	caught bool    // the measured one has been met
	bases  [2]base // of the measured counter, and of the one that is read
}

// base is where a source stood when the total last went on.
type base struct {
	at float64
	ok bool // it was there then
}

// next takes what both say now and returns the total, which is absent while neither
// says anything.
//
// A measured counter has what a guest did since it was first seen, and only what was
// done since this program's start. Where it has more than was known when it is first
// met, threads had been missed that lived for a moment only.
func (s *splice) next(measured, read model.Opt) model.Opt {
	values := [...]model.Opt{measured, read}
	if or(measured, read) == (model.Opt{}) {
		return model.Opt{}
	}
	if !s.known {
		s.total, s.known = or(read, measured).Or(0), true
	}
	for i, v := range values {
		if now, ok := v.Get(); ok && s.bases[i].ok {
			if i > 0 || now < s.bases[i].at/2 || now >= s.bases[i].at { // a little less of what is measured is a correction
				s.total += increase(s.bases[i].at, now)
			}
			break
		}
	}
	if exact, ok := measured.Get(); ok && !s.caught {
		s.total, s.caught = max(s.total, exact), true
	}
	for i, v := range values {
		s.bases[i].at, s.bases[i].ok = v.Get()
	}
	return model.Some(s.total)
}

// increase returns by how much a counter grew. One that fell began anew at 0.
func increase(before, now float64) float64 {
	if now < before {
		return now
	}
	return now - before
}
