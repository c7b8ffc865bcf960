package fold

import (
	"context"
	"errors"
	"fmt"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

// outcome is what became of an event of a document.
type outcome uint8

const (
	applied outcome = iota
	filtered
	poisonous
)

// builder makes documents of their events, one at a time, for one goroutine.
type builder struct {
	fold     Fold
	ahead    *ahead // nil: the fold makes one document at a time
	inputs   []input
	types    *typeNumbers
	onPoison func(e *spill.Entry, kind, reason string) error // told of each event that cannot be applied

	entries  []spill.Entry // of the present document, in order
	outcomes []outcome     // of these
	event    Event
	names    []string // of types, as far as they were needed
}

// newBuilder makes one with a fold of its own, which is closed with it.
func newBuilder(f Fold) builder {
	m := builder{fold: f}
	if bulk, ok := f.(Bulk); ok {
		m.ahead = &ahead{bulk: bulk}
	}
	return m
}

func (m *builder) close() error {
	if m.ahead == nil {
		return nil
	}
	return m.ahead.bulk.Close()
}

// typeName is the name of a type.
func (m *builder) typeName(n uint16) string {
	if int(n) >= len(m.names) {
		m.names = m.types.all()
	}
	return m.names[n]
}

// build folds the entries, which are those of a key, and appends the record, if there is a
// document.
func (m *builder) build(ctx context.Context, key []byte, b *sources.Batch) (found bool, err error) {
	if m.ahead != nil {
		if err := m.prepareNext(ctx, key); err != nil {
			return false, err
		}
	}
	b.Counts.Read += int64(len(m.entries))
	var counts sources.Counts
	reject, err := m.applyAll(key, &counts)
	if err != nil {
		return false, fmt.Errorf("document %s: %w", key, err)
	}
	applied := int64(len(m.entries)) - counts.Poison - counts.Filtered
	b.Counts.Poison += counts.Poison
	b.Counts.Filtered += counts.Filtered
	if applied == 0 {
		return false, nil
	}
	start := len(b.Data)
	alive := true
	if reject == "" && len(key) > maxIDBytes {
		reject = fmt.Sprintf("its id has %d bytes, at most %d are allowed", len(key), maxIDBytes)
	}
	if reject == "" {
		var out []byte
		if out, alive, err = m.fold.Append(b.Data); err == nil {
			b.Data = out
		} else if reject, err = rejectReason(err); err != nil {
			return false, fmt.Errorf("document %s: %w", key, err)
		}
	}
	if !alive && reject == "" {
		b.Data = b.Data[:start]
		b.Counts.Folded += applied
		return false, nil
	}
	b.Counts.Used++
	b.Counts.Folded += applied - 1
	record := sources.Record{Reject: reject}
	if reject == "" {
		record.Value = b.Data[start:len(b.Data):len(b.Data)]
	} else {
		b.Data = b.Data[:start]
	}
	record.Key = b.Hold(key)
	b.Records = append(b.Records, record)
	return true, nil
}

// rejectReason is the reason of a Poison; another error stays one.
func rejectReason(err error) (reason string, _ error) {
	var poison *Poison
	if errors.As(err, &poison) {
		return poison.Reason, nil
	}
	return "", err
}

// maxIDBytes is what Elasticsearch and OpenSearch take.
const maxIDBytes = 512

// dirtyRounds bounds how often a document is made again.
const dirtyRounds = 100

// applyAll folds the entries. What became poison is taken out of m.entries only to be left
// out when a document is made again; the counts have it.
func (m *builder) applyAll(key []byte, counts *sources.Counts) (reject string, err error) {
	skip := map[int]bool(nil)
	for round := 0; ; round++ {
		*counts = sources.Counts{Poison: int64(len(skip))}
		if err := m.fold.Begin(key, nil); err != nil {
			return "", err
		}
		dirty := -1
		m.outcomes = append(m.outcomes[:0], make([]outcome, len(m.entries))...)
		for i := range m.entries {
			if skip[i] {
				m.outcomes[i] = poisonous
				continue
			}
			if dirty, err = m.applyEvent(i, counts); err != nil {
				return "", err
			}
			if dirty >= 0 {
				break
			}
		}
		switch {
		case dirty < 0:
			return "", nil
		case round == dirtyRounds:
			return fmt.Sprintf("more than %d of its events are poison", dirtyRounds), nil
		case skip == nil:
			skip = map[int]bool{}
		}
		skip[dirty] = true
	}
}

// applyEvent applies entry i, and returns it as dirty if the document has to be made again.
func (m *builder) applyEvent(i int, counts *sources.Counts) (dirty int, err error) {
	e := &m.entries[i]
	m.event = m.eventOf(e)
	err = m.fold.Apply(&m.event)
	if err == nil {
		return -1, nil
	}
	if errors.Is(err, ErrFiltered) {
		counts.Filtered++
		m.outcomes[i] = filtered
		return -1, nil
	}
	var poison *Poison
	if !errors.As(err, &poison) {
		return -1, fmt.Errorf("event of %s, partition %d, offset %d: %w", m.event.Topic, m.event.Partition, e.Offset, err)
	}
	counts.Poison++
	m.outcomes[i] = poisonous
	if err := m.onPoison(e, m.event.Type, poison.Reason); err != nil {
		return -1, err
	}
	if poison.Dirty {
		return i, nil
	}
	return -1, nil
}

// eventOf is an entry as the fold sees it.
func (m *builder) eventOf(e *spill.Entry) Event {
	in := &m.inputs[e.Partition]
	return Event{
		Topic: in.topic, Partition: in.number, Offset: e.Offset, Time: e.Time, Type: m.typeName(e.Type),
		Key: e.Key, Value: e.Value, Deleted: e.Deleted,
	}
}
