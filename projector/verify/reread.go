package verify

import (
	"bytes"
	"context"
	"fmt"

	"github.com/zeebo/xxh3"

	"humpty/internal/canon"
	"humpty/sinks"
	"humpty/sources"
)

// together is how many keys are read again in one call.
const together = 500

// reading is a document as it was when both sides were read again.
type reading struct {
	id, routing []byte
	want, have  []byte // bodies; nil: not there
	seen        string // of the index, for Amend
	version     int64  // the source's own, where it has one
	refused     string // why the source can make no document
}

// kind says how the two sides differ now; "" if they do not.
func (r *reading) kind(form *forms) Kind {
	switch {
	case r.want == nil && r.have == nil:
		return ""
	case r.have == nil:
		return Missing
	case r.want == nil:
		return Extra
	case form.same(r.want, r.have):
		return ""
	}
	return Stale
}

// state is a fingerprint of both sides, to tell whether they changed.
func (r *reading) state() [2]xxh3.Uint128 {
	side := func(body []byte) xxh3.Uint128 {
		if body == nil {
			return xxh3.Uint128{}
		}
		return xxh3.Hash128(body)
	}
	return [2]xxh3.Uint128{side(r.want), side(r.have)}
}

// forms compares bodies by their canonical forms.
type forms struct{ want, have canon.Form }

func newForms(ignore *canon.Paths) *forms {
	return &forms{want: canon.Form{Ignore: ignore}, have: canon.Form{Ignore: ignore}}
}

func (f *forms) same(want, have []byte) bool {
	if bytes.Equal(want, have) {
		return true
	}
	w, err := f.want.Of(want)
	if err != nil {
		return false
	}
	h, err := f.have.Of(have)
	return err == nil && bytes.Equal(w, h)
}

// keyed reads single documents of both sides.
type keyed struct {
	index  sinks.Getter
	source sources.Lookup
}

// keyed returns false where one of the sides cannot be read by key.
func keyedOf(view sources.View, index sinks.Index) (keyed, bool) {
	getter, canGet := index.(sinks.Getter)
	lookup, canLookup := view.(sources.Lookup)
	return keyed{index: getter, source: lookup}, canGet && canLookup
}

// read reads the index first and then the source: a document that an application wrote
// into both is in the source before it is in the index, so what the index shows, the
// source has.
func (k keyed) read(ctx context.Context, keys []sinks.Key) ([]reading, error) {
	found := make([]sinks.Found, len(keys))
	if err := k.index.Get(ctx, keys, found); err != nil {
		return nil, fmt.Errorf("read %d documents of the index again: %w", len(keys), err)
	}
	ids, asked := make([][]byte, 0, len(keys)), map[string]bool{}
	for _, key := range keys {
		if !asked[string(key.ID)] {
			asked[string(key.ID)] = true
			ids = append(ids, key.ID)
		}
	}
	batch := &sources.Batch{}
	if err := k.source.Lookup(ctx, ids, batch); err != nil {
		return nil, fmt.Errorf("look up %d documents in the source again: %w", len(ids), err)
	}
	records := make(map[string]*sources.Record, len(batch.Records))
	for i := range batch.Records {
		records[string(batch.Records[i].Key)] = &batch.Records[i]
	}
	all := make([]reading, len(keys))
	for i, key := range keys {
		r := &all[i]
		r.id, r.routing = key.ID, key.Routing
		if found[i].There {
			r.have, r.seen = found[i].Body, found[i].Seen
		}
		record := records[string(key.ID)]
		switch {
		case record == nil:
			return nil, fmt.Errorf("the source did not answer for document %s", key.ID)
		case record.Reject != "":
			r.refused = record.Reject
		case !record.Deleted && string(effective(record.Key, record.Routing)) == string(effective(key.ID, key.Routing)):
			r.want, r.version = record.Value, record.Version
		}
	}
	return all, nil
}
