package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"humpty/internal/canonjson"
	"humpty/sinks"
	"humpty/sources"
)

// Reading is a document as it was when both sides were read by key.
type Reading struct {
	sinks.Key
	Kind Kind // how the sides differ; "" if they do not

	Want    []byte // the body in the source; nil: not there
	Version int64  // that of its row, where it has one
	Refused string // why the source can make no document, where it has a row
	Have    []byte // the body in the index; nil: not there
	Stored  int64  // the version that the index has
	SeqNo   string // of the index, for sinks.ConditionalWriter
}

// KeyReader reads both sides by key. It is for one goroutine, and has to be closed.
type KeyReader struct {
	index  sinks.Getter
	view   sources.View   // nil: a fresh one for each reading, or the present
	source sources.Source // of fresh views
	latest sources.View   // what each reading sees anew, where the source has that; opened when it is needed
	want   canonjson.Form
	have   canonjson.Form
}

// NewKeyReader returns false where one of the sides cannot be read by key. With a source, each
// reading sees what is there after the index was read; otherwise all are of view.
func NewKeyReader(index sinks.Index, view sources.View, source sources.Source, ignore *canonjson.Paths) (*KeyReader, bool) {
	getter, canGet := index.(sinks.Getter)
	_, canLookup := view.(sources.Lookup)
	if source != nil {
		view = nil
	}
	form := canonjson.Form{Ignore: ignore}
	return &KeyReader{index: getter, view: view, source: source, want: form, have: form}, canGet && canLookup
}

// Read reads the index first and then the source: a document that an application writes
// into both is in the source before it is in the index, so whatever the index shows was
// in the source when that was read. Writing back what the source has, on condition that
// the index is as it was seen, can therefore not undo a newer write.
func (k *KeyReader) Read(ctx context.Context, keys []sinks.Key) ([]Reading, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	found := make([]sinks.Found, len(keys))
	if err := k.index.Get(ctx, keys, found); err != nil {
		return nil, fmt.Errorf("read %d documents of the index: %w", len(keys), err)
	}
	records, err := k.lookup(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("look up %d documents in the source: %w", len(keys), err)
	}
	all := make([]Reading, len(keys))
	for i, key := range keys {
		r := &all[i]
		r.Key = key
		if found[i].There {
			r.Have, r.Stored, r.SeqNo = found[i].Body, found[i].Version, found[i].SeqNo
		}
		record := records[string(key.ID)]
		switch {
		case record == nil:
			return nil, fmt.Errorf("the source did not answer for document %s", key.ID)
		case record.Reject != "":
			r.Refused = record.Reject
		case !record.Deleted && string(effectiveRouting(record.Key, record.Routing)) == string(effectiveRouting(key.ID, key.Routing)):
			r.Want, r.Version = record.Value, record.Version
		}
		r.Kind = k.classify(r)
	}
	return all, nil
}

func (k *KeyReader) lookup(ctx context.Context, keys []sinks.Key) (records map[string]*sources.Record, err error) {
	view, done, err := k.currentView(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	by, ok := view.(sources.Lookup)
	if !ok {
		return nil, errors.New("the source cannot be read by key")
	}
	ids, asked := make([][]byte, 0, len(keys)), map[string]bool{}
	for _, key := range keys {
		if !asked[string(key.ID)] {
			asked[string(key.ID)] = true
			ids = append(ids, key.ID)
		}
	}
	batch := &sources.Batch{}
	if err := by.Lookup(ctx, ids, batch); err != nil {
		return nil, err
	}
	records = make(map[string]*sources.Record, len(batch.Records))
	for i := range batch.Records {
		records[string(batch.Records[i].Key)] = &batch.Records[i]
	}
	return records, nil
}

// currentView is a view to look up in, and what is to be done with it afterwards.
func (k *KeyReader) currentView(ctx context.Context) (view sources.View, done func() error, err error) {
	none := func() error { return nil }
	switch by, ok := k.source.(sources.LatestOpener); {
	case k.view != nil:
		return k.view, none, nil
	case k.latest != nil:
		return k.latest, none, nil
	case ok:
		k.latest, err = by.OpenLatest(ctx)
		return k.latest, none, err
	}
	view, err = k.source.Open(ctx)
	return view, func() error { return view.Close(context.WithoutCancel(ctx)) }, err
}

// Close gives back what it opened. The nil KeyReader has nothing.
func (k *KeyReader) Close(ctx context.Context) error {
	if k == nil || k.latest == nil {
		return nil
	}
	err := k.latest.Close(context.WithoutCancel(ctx))
	k.latest = nil
	return err
}

func (k *KeyReader) classify(r *Reading) Kind {
	switch {
	case r.Want == nil && r.Have == nil:
		return ""
	case r.Have == nil:
		return Missing
	case r.Want == nil:
		return Extra
	case bytes.Equal(r.Want, r.Have):
		return ""
	}
	want, err := k.want.Of(r.Want)
	if err != nil {
		return Stale
	}
	have, err := k.have.Of(r.Have)
	if err == nil && bytes.Equal(want, have) {
		return ""
	}
	return Stale
}
