package probe

import "github.com/virt-exporter/virt_exporter/collector/model"

// record gathers the pairs of one operation.
type record struct {
	samples          Samples
	wanted           int
	warmup, attempts int // that are left
}

func newRecord(op Op, ref *side, req *Request) *record {
	r := &record{wanted: req.Pairs, warmup: req.Warmup, attempts: 2 * req.Pairs}
	r.samples = Samples{Op: op, Reference: ref.reference(), Mount: make([]int64, 0, req.Pairs)}
	if ref != nil {
		r.samples.Beside = make([]int64, 0, req.Pairs)
	}
	return r
}

// full reports that there are pairs enough, or that there were attempts enough.
func (r *record) full() bool {
	return r.warmup == 0 && (r.attempts == 0 || len(r.samples.Mount) == r.wanted)
}

// enough is how few pairs still have bounds.
const enough = 6

// hurry lets a slow operation end with fewer pairs: took is the time since the
// first, most what all may take.
func (r *record) hurry(took, most int64) {
	switch {
	case most == 0:
	case took > most && len(r.samples.Mount) >= enough:
		r.attempts = 0
	case took > most/2:
		r.warmup = 0
	}
}

// mountFirst says which side is first in the next pair. A pair that was dropped
// is repeated in its order, so that of those that count each second is.
func (r *record) mountFirst() bool { return (r.warmup+len(r.samples.Mount))%2 == 0 }

// add takes a pair. One that is not whole, or amid which another process took
// the CPU, counts as an attempt only.
func (r *record) add(p pair, whole bool) {
	switch {
	case r.full():
	case r.warmup > 0:
		r.warmup--
	case !whole || p.preempted:
		r.attempts--
		r.samples.Dropped++
	default:
		r.attempts--
		r.samples.Mount = append(r.samples.Mount, p.mount)
		if r.samples.Beside != nil {
			r.samples.Beside = append(r.samples.Beside, p.beside)
		}
	}
}

func (r *record) answer() Answer {
	if len(r.samples.Mount) == 0 {
		f := refused(model.SkipPressure, "another process took the CPU amid each of %d pairs", r.samples.Dropped)
		return f.skip(r.samples.Op, r.samples.Reference)
	}
	return Answer{Samples: &r.samples}
}
