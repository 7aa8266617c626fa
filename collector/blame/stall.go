package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// stall is a pressure of one guest and the account that splits it.
type stall struct {
	account account
	last    float64 // seconds, as last read
	known   bool    // there is a last
	missed  bool    // it could not be read since
	out     []model.Stolen
}

// read takes the pressure's total as of now and returns by how much it has grown
// since the reading before, for the caller to put on somebody. steady says that the
// guest was in that reading, atStart that it is older than the ring. A pressure that
// falls is that of a guest that was started again.
func (s *stall) read(now time.Duration, total model.Opt, steady, atStart bool) float64 {
	value, ok := total.Get()
	if !ok {
		s.out, s.missed = nil, true
		return 0
	}
	before, known, missed := s.last, s.known, s.missed
	s.last, s.known, s.missed = value, true, false
	switch {
	case !known || value < before:
		s.account = account{most: s.account.most, exposures: s.account.exposures, parts: []part{{cause: model.CauseUnexplained, at: now}}}
		if known || !atStart {
			s.account.add(now, model.CauseUnexplained, "", value)
		}
	case value == before:
		if s.out != nil {
			return 0
		}
	case steady && !missed:
		return value - before
	default: // nobody knows what the others did meanwhile
		s.account.add(now, model.CauseUnexplained, "", value-before)
	}
	s.tell()
	return 0
}

// tell writes down what the account has come to. Whoever was given it before may
// keep it.
func (s *stall) tell() { s.out = s.account.append(make([]model.Stolen, 0, len(s.account.parts))) }

// spending puts an increase on those who caused it. What nobody is given is
// unexplained, so that the parts always sum to the whole.
type spending struct {
	stall *stall
	now   time.Duration
	rest  float64 // seconds that nobody has been given
}

func (s *spending) add(cause model.Cause, culprit string, seconds float64) {
	seconds = min(seconds, s.rest)
	if !(seconds > 0) {
		return
	}
	s.stall.account.add(s.now, cause, culprit, seconds)
	s.rest -= seconds
}

func (s *spending) end() {
	s.add(model.CauseUnexplained, "", s.rest)
	s.stall.tell()
}

// met is when something was in a reading.
type met struct {
	gen     uint64 // the last update with it
	at      time.Duration
	steady  bool // the update before had it too
	atStart bool // the first update had it
}

// meet notes that an update has it. It returns false for what the same update has
// already had: of two with one name the second is ignored.
func (m *met) meet(gen uint64, now time.Duration) bool {
	if m.gen == gen {
		return false
	}
	m.steady = m.gen != 0 && m.gen+1 == gen
	m.atStart = m.atStart || gen == 1
	m.gen, m.at = gen, now
	return true
}

func (m *met) lastMet() time.Duration { return m.at }

// mostMissing is how many that are gone are remembered besides those that are there.
const mostMissing = 4096

// forget drops what was not met for the time that it is remembered, and sooner
// where things come and go so fast that too many would be kept.
func forget[K comparable, V interface{ lastMet() time.Duration }](known map[K]V, now time.Duration, there int) {
	for age := remembered; len(known) > there; age /= 2 {
		for key, value := range known {
			if now-value.lastMet() > age {
				delete(known, key)
			}
		}
		if len(known) <= there+mostMissing || age == 0 {
			return
		}
	}
}
