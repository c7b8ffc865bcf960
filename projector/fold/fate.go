package fold

import "humpty/sources"

// fate is what became of an event of a document.
type fate uint8

const (
	applied fate = iota
	filtered
	poisonous
)

// trace books the events of a document to their partitions: the first that was applied is
// used where there is a document, the others are folded. What was read before is booked
// already.
func (r *reader) trace(document bool) {
	if r.quiet || r.view.reported[r.bucket].Load() {
		return
	}
	if r.met == nil {
		r.met = make([]sources.Counts, len(r.view.inputs))
	}
	for i := range r.entries {
		if r.view.delta.before(&r.entries[i]) {
			continue
		}
		c := &r.met[r.entries[i].Partition]
		c.Read++
		switch {
		case r.fates[i] == filtered:
			c.Filtered++
		case r.fates[i] == poisonous:
			c.Poison++
		case document:
			c.Used++
			document = false
		default:
			c.Folded++
		}
	}
}

// tell hands over what was booked since the last time.
func (r *reader) tell() {
	for i, c := range r.met {
		if c != (sources.Counts{}) {
			r.view.meet(i, c)
		}
	}
	clear(r.met)
}
