package decode

import (
	"errors"
	"fmt"
	"strings"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
	"humpty/sources"
)

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
		return nil, &fold.Poison{Reason: fmt.Sprintf("%s is an object or an array, not a text or a number", l)}
	case 'n':
		return nil, nil
	}
	return v, nil
}
