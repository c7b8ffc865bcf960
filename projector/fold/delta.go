package fold

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

// delta is what lies behind positions.
type delta struct {
	from    []int64         // offset of each partition
	touched []atomic.Uint64 // bits of the hashes of keys that have events behind them
	oldest  atomic.Int64    // time of the oldest of these events, in milliseconds
}

// touchedBits is how many bits say which keys are concerned: 8 MB. A key that shares its bit
// with another costs memory until it is folded, and no more.
const touchedBits = 1 << 26

// before reports whether an event was there at the positions. Without any none was.
func (d *delta) before(e *spill.Entry) bool { return d != nil && e.Offset < d.from[e.Partition] }

// hasNew reports whether any of the events of a key came since. It brings them into their
// order: what was there before may have been read after what came.
func (d *delta) hasNew(entries []spill.Entry) bool {
	slices.SortFunc(entries, func(a, b spill.Entry) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	spill.SortByTime(entries)
	return slices.ContainsFunc(entries, func(e spill.Entry) bool { return !d.before(&e) })
}

// add notes the key and the time of an event that came since.
func (d *delta) add(e *spill.Entry) {
	bit := e.Hash % touchedBits
	word := &d.touched[bit/64]
	for was := word.Load(); was&(1<<(bit%64)) == 0; was = word.Load() {
		if word.CompareAndSwap(was, was|1<<(bit%64)) {
			break
		}
	}
	for was := d.oldest.Load(); e.Time < was && !d.oldest.CompareAndSwap(was, e.Time); {
		was = d.oldest.Load()
	}
}

// includes reports whether events of the key of this one came since, or of one that shares
// its bit.
func (d *delta) includes(e *spill.Entry) bool {
	bit := e.Hash % touchedBits
	return d.touched[bit/64].Load()&(1<<(bit%64)) != 0
}

// setOffsets holds positions against the partitions that there are.
func (d *delta) setOffsets(v *view, from map[string]sources.Position) error {
	missing := maps.Clone(from)
	for _, in := range v.inputs {
		id := in.partition.ID
		was, there := from[id]
		if !there {
			return &sources.ErrChangesLost{Why: fmt.Sprintf("partition %s was added, so that keys may have moved to it", id)}
		}
		delete(missing, id)
		at, err := sources.OffsetOf(was)
		if err != nil {
			return &sources.ErrChangesLost{Why: fmt.Sprintf("position %q of %s is no offset", was, id)}
		}
		if end, err := sources.OffsetOf(v.fences[id]); err != nil || end < at {
			return &sources.ErrChangesLost{Why: fmt.Sprintf("%s ends at %s, before its position %s", id, v.fences[id], was)}
		}
		d.from = append(d.from, at)
	}
	for id := range missing {
		return &sources.ErrChangesLost{Why: fmt.Sprintf("partition %s is not there any more", id)}
	}
	return nil
}

// newEventSink is where the events behind the positions go: their keys are noted, and where the
// newest decides, they are kept.
type newEventSink struct{ *view }

func (n newEventSink) put(e *spill.Entry) error {
	n.delta.add(e)
	if !n.source.Newest {
		return nil
	}
	return n.buckets.Put(e)
}

// rereadSink is where events go that are read to fold what others concern; they were told of
// before.
type rereadSink struct{ *view }

func (a rereadSink) put(e *spill.Entry) error {
	if !a.delta.includes(e) {
		return nil
	}
	return a.buckets.Put(e)
}

func (rereadSink) deadLetter(eventID, int64, string, []byte, []byte, string) error { return nil }
