package fold

import (
	"errors"
	"fmt"
	"strings"

	"humpty/internal/rawjson"
	"humpty/sources"
)

// Decoder reads the bytes of events: [JSON], [Debezium], or one for Avro or Protobuf with a
// schema registry (see the example). It is safe for concurrent use; what it gives points
// into the record, or is its own.
type Decoder interface {
	// Decode fills d. An error is a *Poison, or ErrFiltered, or ends the run.
	Decode(r *sources.Record, d *Decoded) error
}

// Decoded is what a decoder makes of a record.
type Decoded struct {
	Key     []byte // the document's id; an empty one is poison
	Type    []byte
	Value   []byte // one checked JSON value; nil with Deleted
	Deleted bool
}

// Locator says where the key or the type of an event is. The zero value is the message's
// key.
type Locator struct {
	Header string   // the header of this name
	Path   []string // names, or numbers of elements, into the payload
}

// ParseLocator reads "key" (or nothing), "header:NAME", or a path with dots: order.id.
func ParseLocator(s string) (Locator, error) {
	if s == "" || s == "key" {
		return Locator{}, nil
	}
	if name, ok := strings.CutPrefix(s, "header:"); ok {
		if name == "" {
			return Locator{}, errors.New("header: has no name behind it")
		}
		return Locator{Header: name}, nil
	}
	path := strings.Split(s, ".")
	for _, step := range path {
		if step == "" {
			return Locator{}, fmt.Errorf("the path %q has an empty step", s)
		}
	}
	return Locator{Path: path}, nil
}

func (l Locator) String() string {
	switch {
	case l.Header != "":
		return "header:" + l.Header
	case len(l.Path) > 0:
		return strings.Join(l.Path, ".")
	}
	return "key"
}

func (l Locator) inPayload() bool { return l.Header == "" && len(l.Path) > 0 }

// find returns the text at the place, nil if there is none.
func (l Locator) find(r *sources.Record, value []byte) ([]byte, error) {
	switch {
	case l.Header != "":
		for i := len(r.Headers) - 1; i >= 0; i-- {
			if r.Headers[i].Name == l.Header {
				return r.Headers[i].Value, nil
			}
		}
		return nil, nil
	case len(l.Path) > 0:
		return scalar(rawjson.Get(value, l.Path...), l)
	}
	return r.Key, nil
}

// scalar is what a value says as text; numbers as they are written.
func scalar(v []byte, l Locator) ([]byte, error) {
	switch rawjson.Kind(v) {
	case '"':
		s, _ := rawjson.Text(v)
		return s, nil
	case '{', '[':
		return nil, &Poison{Reason: fmt.Sprintf("%s is an object or an array, not a text or a number", l)}
	case 'n':
		return nil, nil
	}
	return v, nil
}

// JSON decodes events whose value is one JSON value. A record without a value is a
// tombstone; its key must be the message's, or in a header.
type JSON struct {
	Key     Locator
	Type    Locator  // the zero value: events have no types
	Payload []string // the path to the part of the value that is folded; empty: all of it
}

var _ Decoder = (*JSON)(nil)

// Decode checks the value and finds key and type.
func (j *JSON) Decode(r *sources.Record, d *Decoded) (err error) {
	value := rawjson.Trim(r.Value)
	if r.Deleted || r.Value == nil {
		d.Deleted = true
		if j.Key.inPayload() {
			return &Poison{Reason: fmt.Sprintf("a tombstone has no payload to find the key (%s) in", j.Key)}
		}
	} else if err := rawjson.Check(value); err != nil {
		return &Poison{Reason: err.Error()}
	}
	if d.Key, err = j.Key.find(r, value); err != nil {
		return err
	}
	if len(d.Key) == 0 {
		return &Poison{Reason: fmt.Sprintf("there is no key: %s is missing or empty", j.Key)}
	}
	if d.Deleted {
		return nil
	}
	if j.Type.Header != "" || j.Type.inPayload() {
		if d.Type, err = j.Type.find(r, value); err != nil {
			return err
		}
		if len(d.Type) == 0 {
			return &Poison{Reason: fmt.Sprintf("there is no type: %s is missing or empty", j.Type)}
		}
	}
	d.Value = value
	if len(j.Payload) > 0 {
		if d.Value = rawjson.Get(value, j.Payload...); d.Value == nil {
			return &Poison{Reason: fmt.Sprintf("there is no payload at %s", strings.Join(j.Payload, "."))}
		}
	}
	return nil
}
