package decode

import (
	"fmt"
	"strings"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
	"humpty/sources"
)

// JSON decodes events whose value is one JSON value. A record without a value is a
// tombstone; its key must be the message's, or in a header.
type JSON struct {
	Key     Locator
	Type    Locator  // the zero value: events have no types
	Payload []string // the path to the part of the value that is folded; empty: all of it
}

var _ fold.Decoder = (*JSON)(nil)

// Decode checks the value and finds key and type.
func (j *JSON) Decode(r *sources.Record, d *fold.Decoded) (err error) {
	value := rawjson.Trim(r.Value)
	if r.Deleted || r.Value == nil {
		d.Deleted = true
		if j.Key.inPayload() {
			return &fold.Poison{Reason: fmt.Sprintf("a tombstone has no payload to find the key (%s) in", j.Key)}
		}
	} else if err := rawjson.Check(value); err != nil {
		return &fold.Poison{Reason: err.Error()}
	}
	if d.Key, err = j.Key.find(r, value); err != nil {
		return err
	}
	if len(d.Key) == 0 {
		return &fold.Poison{Reason: fmt.Sprintf("there is no key: %s is missing or empty", j.Key)}
	}
	if d.Deleted {
		return nil
	}
	if j.Type.Header != "" || j.Type.inPayload() {
		if d.Type, err = j.Type.find(r, value); err != nil {
			return err
		}
		if len(d.Type) == 0 {
			return &fold.Poison{Reason: fmt.Sprintf("there is no type: %s is missing or empty", j.Type)}
		}
	}
	d.Value = value
	if len(j.Payload) > 0 {
		if d.Value = rawjson.Get(value, j.Payload...); d.Value == nil {
			return &fold.Poison{Reason: fmt.Sprintf("there is no payload at %s", strings.Join(j.Payload, "."))}
		}
	}
	return nil
}
