package fold

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/deadletter"
	"humpty/internal/statedb"
	"humpty/projector/fold/spill"
	"humpty/sources"
)

// StoreOptions is where a live run keeps the events that its documents are made of.
type StoreOptions struct {
	Dir   func(capture string) string // a folder for each capture
	Fatal func(error)                 // ends the process when it cannot be written any more; see statedb.Options
}

// eventStore is the events of a capture by key, on disk, with how far each partition was read:
// both in one step. An event is kept under its place, so that to read it twice changes
// nothing, and a process that goes on may begin with the earliest position it knows.
type eventStore struct {
	db      *statedb.Shared
	decoder batchDecoder
	letters *Letters
	parts   atomic.Pointer[partitions]

	replayed, tails account // of the offsets that were read

	mu       sync.Mutex
	poisoned int64
}

// What is kept, by the first byte of its key.
const (
	eventPrefix    = 'e' // hash, size of the key, key, partition, offset
	poisonPrefix   = 'p' // partition, offset: why
	positionPrefix = 't' // partition: how far its tail was read
	anchorPrefix   = 'a' // partition, which of its anchors: an event that was read of it
	layoutPrefix   = 'f' // the partitions there are: the capture has begun
	offsetsPrefix  = 'o' // partition, of the tail or the replay: what became of its offsets
	replayedPrefix = 'l' // what a replay to the fence met: it is over
)

// errStoreMissing is for a capture that begins where its events should be already.
var errStoreMissing = &sources.ErrChangesLost{Why: "the events of the run are not in its state folder any more", Remedy: "documents cannot be made of the tail alone"}

// checkPartitions holds the partitions against those the capture began with. Of what has come since
// nothing was read: the tails of these begin at their start.
func (s *eventStore) checkPartitions(fresh bool, start func(id string) sources.Position) error {
	was, err := statedb.Get(s.db.DB, []byte{layoutPrefix})
	switch {
	case err != nil:
		return err
	case was == nil && !fresh:
		return errStoreMissing
	case was == nil:
		form, err := json.Marshal(s.parts.Load().ids())
		return errors.Join(err, s.db.Set([]byte{layoutPrefix}, form, pebble.Sync))
	}
	var ids []string
	if err := json.Unmarshal(was, &ids); err != nil {
		return fmt.Errorf("the store of events is damaged: %w", err)
	}
	now := s.parts.Load()
	same, added, ok := now.renumber(ids)
	if !ok {
		return &sources.ErrChangesLost{Why: fmt.Sprintf("the topics have other partitions than when the run began: %q, not %q", now.ids(), ids), Remedy: "some are gone"}
	}
	if added == 0 {
		s.parts.Store(same)
		return nil
	}
	return s.extend(same, added, start)
}

// extend takes over partitions of which the last ones are new, durably with where their
// tails begin.
func (s *eventStore) extend(to *partitions, added int, start func(id string) sources.Position) error {
	if len(to.inputs) > 1<<16 {
		return errors.New("fold: more than 65,536 partitions of events")
	}
	form, err := json.Marshal(to.ids())
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	if err := batch.Set([]byte{layoutPrefix}, form, nil); err != nil {
		return err
	}
	for i := len(to.inputs) - added; i < len(to.inputs); i++ {
		at := start(to.inputs[i].partition.ID)
		if err := batch.Set(storeKey(positionPrefix, eventID{partition: uint16(i)}), []byte(at), nil); err != nil {
			return err
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("keep events: %w", err)
	}
	s.parts.Store(to)
	return nil
}

// tailStart is how far the tail of a partition was read, as far as that is durable. Where it
// begins is made durable at once: what comes behind may be lost with the power, though the
// position of the marks is behind it already.
func (s *eventStore) tailStart(source int, begins sources.Position) (sources.Position, error) {
	name := storeKey(positionPrefix, eventID{partition: uint16(source)})
	kept, err := statedb.Get(s.db.DB, name)
	if err != nil {
		return "", err
	}
	if kept == nil {
		kept = []byte(begins)
		if err := s.db.Set(name, kept, pebble.Sync); err != nil {
			return "", err
		}
	}
	return sources.Position(kept), s.openAccount(source, sources.Position(kept))
}

// eventKey is where an event is kept; of all events of a key it has the beginning.
func eventKey(dst []byte, hash uint64, key []byte) []byte {
	dst = append(dst, eventPrefix)
	dst = binary.BigEndian.AppendUint64(dst, hash)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(key)))
	return append(dst, key...)
}

func storeKey(kept byte, at eventID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16([]byte{kept}, at.partition), uint64(at.offset))
}

// eventBatch puts the events of a batch into the store in one step.
type eventBatch struct {
	*eventStore
	batch *pebble.Batch
	names []string
	keys  [][]byte // of the events
}

func (t *eventBatch) put(e *spill.Entry) error {
	key := eventKey(nil, e.Hash, e.Key)
	key = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(key, e.Partition), uint64(e.Offset))
	if int(e.Type) >= len(t.names) {
		t.names = t.decoder.types.all()
	}
	name := t.names[e.Type]
	value := make([]byte, 0, 11+len(name)+len(e.Value))
	value = append(value, 0)
	if e.Deleted {
		value[0] = 1
	}
	value = binary.BigEndian.AppendUint64(value, uint64(e.Time))
	value = binary.BigEndian.AppendUint16(value, uint16(len(name)))
	value = append(append(value, name...), e.Value...)
	if len(name) > 1<<16-1 {
		return fmt.Errorf("a type of %d bytes", len(name))
	}
	t.keys = append(t.keys, bytes.Clone(e.Key))
	return t.batch.Set(key, value, nil)
}

// parseEntry reads what put wrote; its slices point into key and value.
func (s *eventStore) parseEntry(key, value []byte, e *spill.Entry) error {
	if len(key) < 23 || len(value) < 11 {
		return errors.New("an event is cut short: the store is damaged")
	}
	place := key[len(key)-10:]
	size := int(binary.BigEndian.Uint16(value[9:]))
	if len(value) < 11+size {
		return errors.New("an event is cut short: the store is damaged")
	}
	kind, ok := s.decoder.types.numberOf(value[11 : 11+size])
	if !ok {
		return errors.New("more than 65,535 types of events")
	}
	*e = spill.Entry{
		Hash: binary.BigEndian.Uint64(key[1:]), Time: int64(binary.BigEndian.Uint64(value[1:])),
		Offset: int64(binary.BigEndian.Uint64(place[2:])), Partition: binary.BigEndian.Uint16(place),
		Type: kind, Deleted: value[0] == 1, Key: key[13 : len(key)-10],
	}
	if !e.Deleted {
		e.Value = value[11+size:]
	}
	return nil
}

// deadLetter counts an event that cannot be read or applied, and writes a letter, once.
func (s *eventStore) deadLetter(at eventID, time int64, kind string, key, value []byte, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := storeKey(poisonPrefix, at)
	was, err := statedb.Get(s.db.DB, name)
	if err != nil || was != nil {
		return err
	}
	if err := s.db.Set(name, []byte(reason), pebble.NoSync); err != nil {
		return err
	}
	s.poisoned++
	l := s.letters
	if l == nil {
		return nil
	}
	in := s.parts.Load().inputs[at.partition]
	return l.Put(deadletter.Letter{
		Event: &deadletter.Event{Topic: in.topic, Partition: in.number, Offset: at.offset, Time: time, Key: key, Value: value},
		Type:  kind, Reason: reason,
	})
}

// storeBatch keeps the events of a batch, and with them the position behind it if it is of a
// tail, and returns their keys. before is the position that it was read from.
func (s *eventStore) storeBatch(source int, batch *sources.Batch, into *Decoded, before sources.Position, tail bool) ([][]byte, sources.Counts, error) {
	t := &eventBatch{eventStore: s, batch: s.db.NewBatch()}
	defer t.batch.Close() //nolint:errcheck // committed, or given up
	counts, err := s.decoder.decodeBatch(source, batch, into, t)
	if err != nil {
		return nil, counts, err
	}
	if err := putAnchors(t.batch, source, before, batch.Records); err != nil {
		return nil, counts, err
	}
	if tail {
		id := s.parts.Load().inputs[source].partition.ID
		if err := s.tails.add(id, batch); err != nil {
			return nil, counts, err
		}
		if err := putAccount(t.batch, source, ofTail, &s.tails, id); err != nil {
			return nil, counts, err
		}
		if err := t.batch.Set(storeKey(positionPrefix, eventID{partition: uint16(source)}), []byte(batch.Position), nil); err != nil {
			return nil, counts, err
		}
	}
	how := pebble.NoSync
	if tail && counts.Poison > 0 { // a letter was written: a process that is killed now must not write it again
		how = pebble.Sync
	}
	if err := t.batch.Commit(how); err != nil {
		return nil, counts, fmt.Errorf("keep events: %w", err)
	}
	return t.keys, counts, nil
}
