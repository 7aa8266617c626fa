package blame

import "github.com/virt-exporter/virt_exporter/collector/model"

// What makes a disk slow: its requests take long although few of them wait at a
// time, so that it is not its user's own queue that they wait in.
const (
	slowRequest = 20e-3 // seconds, on average
	shortQueue  = 4     // requests under way at a time, while there are any

	// A flash disk is busy all the time with one user's single requests and has room
	// for many more: one that answers as fast, with a short queue, is in nobody's way.
	fastRequest = 1e-3
)

// busyDisk is the part of the time from which on users of a disk are in each other's way.
const busyDisk = 0.5

// ioDisk is what everybody together does to a whole disk.
type ioDisk struct {
	met
	reads, readBytes, writes, writeBytes, seconds, busy grown

	hasBusy bool
	turns   [turns]diskTurn
}

type diskTurn struct {
	amount
	seconds, busy float64 // summed time of requests; time in which there was one
}

// read takes the disk's figures, as of an update, and reports whether they have moved.
func (d *ioDisk) read(r *ioRing, n *model.NodeDisk) bool {
	if !d.steady {
		d.turns = [turns]diskTurn{}
	} else if r.turned {
		d.turns[r.turn] = diskTurn{}
	}
	_, d.hasBusy = n.Busy.Get()
	did := diskTurn{
		amount: amount{
			d.reads.by(n.Read.Requests), d.readBytes.by(n.Read.Bytes),
			d.writes.by(n.Write.Requests), d.writeBytes.by(n.Write.Bytes),
		},
		seconds: d.seconds.by(n.Read.Seconds.Plus(n.Write.Seconds)),
		busy:    d.busy.by(n.Busy),
	}
	if did == (diskTurn{}) {
		return false
	}
	if d.steady {
		t := &d.turns[r.turn]
		t.add(did.amount)
		t.seconds += did.seconds
		t.busy += did.busy
	}
	return true
}

// sum adds the turns up.
func (d *ioDisk) sum() diskTurn {
	var all diskTurn
	for i := range d.turns {
		t := &d.turns[i]
		all.add(t.amount)
		all.seconds += t.seconds
		all.busy += t.busy
	}
	return all
}

// easy reports whether the disk does what it is asked without anybody's waiting for others.
func (t *diskTurn) easy() bool {
	requests := t.reads + t.writes
	return requests > 0 && t.busy > 0 && t.seconds > 0 && t.seconds < fastRequest*requests && t.seconds < shortQueue*t.busy
}

// slow reports whether the disk itself is slow, whoever uses it.
func (t *diskTurn) slow() bool {
	requests := t.reads + t.writes
	return requests > 0 && t.seconds >= slowRequest*requests && (t.busy == 0 || t.seconds < shortQueue*t.busy)
}
