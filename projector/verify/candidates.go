package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"humpty/internal/printable"
	"humpty/sinks"
)

// candidate is a document that differed when it was first read.
type candidate struct {
	kind   Kind
	rested byte       // through how many readings in a row it stayed as it is
	hashes sideHashes // of both sides, when they were read
	key    []byte     // as appendKey writes it

	reading *Reading // by which it was decided; nil: by the notes of the pass
}

// A candidate's record is its kind, how often it rested, its hashes, and its key.

func (c candidate) encode() []byte {
	b := append(make([]byte, 0, hashesAt+hashesSize+len(c.key)), c.kind[0], c.rested)
	for _, half := range c.hashes {
		b = binary.BigEndian.AppendUint64(b, half.Hi)
		b = binary.BigEndian.AppendUint64(b, half.Lo)
	}
	return append(b, c.key...)
}

const (
	hashesAt   = 2
	hashesSize = 2 * hashSize
)

func decodeCandidate(b []byte) candidate {
	return candidate{
		kind: kindByLetter(b[0]), rested: b[1],
		hashes: sideHashes{noteHash(b[hashesAt:]), noteHash(b[hashesAt+hashSize:])}, key: b[hashesAt+hashesSize:],
	}
}

func (c candidate) docKey() sinks.Key {
	id, routing, _ := splitKey(c.key)
	if len(routing) == 0 {
		routing = nil
	}
	return sinks.Key{ID: id, Routing: routing}
}

// findCandidates opens the buckets in which the two sides differ, and calls found with each
// document that does, in an order that depends on nothing but the documents.
func findCandidates(source, index *digest, rules rules, found func(candidate) error) error {
	var want, have []byte
	for i := range partCount {
		open := map[int]bool{}
		for bucket := i; bucket < bucketCount; bucket += partCount {
			if source.sums[bucket] != index.sums[bucket] && !rules.blind(bucket) {
				open[bucket] = true
			}
		}
		if len(open) == 0 {
			continue
		}
		var err error
		if want, err = source.read(i, want); err != nil {
			return err
		}
		if have, err = index.read(i, have); err != nil {
			return err
		}
		if err := compareNotes(want, have, open, found); err != nil {
			return err
		}
	}
	return nil
}

func compareNotes(want, have []byte, open map[int]bool, found func(candidate) error) error {
	expected := map[string]xxh3.Uint128{}
	err := eachNote(want, open, func(key []byte, hash xxh3.Uint128) error {
		if _, twice := expected[string(key)]; twice {
			id, _, _ := splitKey(key)
			return fmt.Errorf("document %s comes twice from the source: its key is not unique, so no index can be equal to it", printable.Value(string(id)))
		}
		expected[string(key)] = hash
		return nil
	})
	if err != nil {
		return err
	}
	var all []candidate
	inIndex := map[string]bool{}
	_ = eachNote(have, open, func(key []byte, hash xxh3.Uint128) error {
		wanted, ok := expected[string(key)]
		both := sideHashes{wanted, hash}
		switch {
		case inIndex[string(key)], !ok:
			all = append(all, candidate{kind: Extra, hashes: both, key: key})
		case wanted != hash:
			all = append(all, candidate{kind: Stale, hashes: both, key: key})
		}
		inIndex[string(key)] = true
		return nil // and so does eachNote
	})
	for key, wanted := range expected {
		if !inIndex[key] {
			all = append(all, candidate{kind: Missing, hashes: sideHashes{wanted}, key: []byte(key)})
		}
	}
	if len(all) == 0 {
		return errors.New("the sums of a bucket differ, but none of its documents does: this is a defect, nothing is proven")
	}
	slices.SortFunc(all, func(a, b candidate) int { return bytes.Compare(a.key, b.key) })
	for _, c := range all {
		if err := found(c); err != nil {
			return err
		}
	}
	return nil
}

// eachNote calls fn with the notes of the open buckets.
func eachNote(notes []byte, open map[int]bool, fn func(key []byte, hash xxh3.Uint128) error) error {
	for len(notes) > 0 {
		id, _, n := splitKey(notes)
		if open[bucketOf(id)] {
			if err := fn(notes[:n:n], noteHash(notes[n:])); err != nil {
				return err
			}
		}
		notes = notes[n+hashSize:]
	}
	return nil
}
