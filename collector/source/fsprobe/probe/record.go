package probe

import "github.com/virt-exporter/virt_exporter/collector/model"

// record gathers the pairs of one operation.
type record struct {
	op               Op
	reference        string
	paired           bool // there is a reference
	wanted           int
	warmup, attempts int    // that are left
	pairs            []pair // all that are whole
	clean            int    // of them, those amid which nobody else took the CPU
	broken           int    // attempts that were interrupted
}

func newRecord(op Op, ref *side, req *Request) *record {
	return &record{
		op: op, reference: ref.reference(), paired: ref != nil,
		wanted: req.Pairs, warmup: req.Warmup, attempts: 2 * req.Pairs, pairs: make([]pair, 0, 2*req.Pairs),
	}
}

// full reports that there are pairs enough, or that there were attempts enough.
func (r *record) full() bool {
	return r.warmup == 0 && (r.attempts == 0 || r.clean == r.wanted)
}

// enough is how few pairs still have bounds.
const enough = 6

// hurry lets a slow operation end with fewer pairs: took is the time since the
// first, most what all may take.
func (r *record) hurry(took, most int64) {
	switch {
	case most == 0:
	case took > most && len(r.pairs) >= enough:
		r.attempts = 0
	case took > most/2:
		r.warmup = 0
	}
}

// mountFirst says which side is first in the next pair. A pair amid which
// somebody took the CPU is repeated in its order, so that of the others each
// second is.
func (r *record) mountFirst() bool { return (r.warmup+r.clean)%2 == 0 }

// add takes a pair. One that is not whole counts as an attempt only.
func (r *record) add(p pair, whole bool) {
	switch {
	case r.full():
		return
	case r.warmup > 0:
		r.warmup--
		return
	case !whole:
		r.broken++
	default:
		r.pairs = append(r.pairs, p)
		if !p.preempted {
			r.clean++
		}
	}
	r.attempts--
}

// leaveOut reports whether pairs amid which somebody took the CPU are left out:
// where that is the exception. Where it happens again and again it is who works
// for the operation, the journal's thread or a server on the same CPU, and what
// is left would be the operations that were fast.
func (r *record) leaveOut() bool {
	const exception = 4 // one in so many
	return (len(r.pairs)-r.clean)*exception <= len(r.pairs)
}

func (r *record) answer() Answer {
	s := Samples{Op: r.op, Reference: r.reference, Dropped: r.broken, Mount: make([]int64, 0, r.wanted)}
	leaveOut := r.leaveOut()
	for _, p := range r.pairs {
		switch {
		case p.preempted && leaveOut:
			s.Dropped++
			continue
		case len(s.Mount) == r.wanted:
			continue
		case r.paired:
			s.Beside = append(s.Beside, p.beside)
		}
		s.Mount = append(s.Mount, p.mount)
	}
	if len(s.Mount) == 0 {
		f := refused(model.SkipPressure, "each of %d attempts was interrupted", r.broken)
		return f.skip(r.op, r.reference)
	}
	return Answer{Samples: &s}
}
