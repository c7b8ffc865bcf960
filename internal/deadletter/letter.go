package deadletter

import (
	"encoding/json"
	"unicode/utf8"
)

// Letter is one dead letter: a document or an event, and why it is one.
type Letter struct {
	*Document        // nil for an event
	*Event           // nil for a document
	Type      string `json:"type,omitempty"` // of a document: of the error, as the target names it; of an event: its own
	Reason    string `json:"reason"`
}

// Document is what the target or the source refused.
type Document struct {
	Index   string `json:"index"` // the generation it was for
	ID      string `json:"id"`
	Routing string `json:"routing,omitempty"`
	Version int64  `json:"version,omitempty"`
	Body    Raw    `json:"body"` // nil where the source could not make one
}

// Event is what was read from a topic.
type Event struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Time      int64  `json:"time"` // milliseconds since 1970
	Key       Raw    `json:"key"`
	Value     Raw    `json:"value"`
}

// Raw is bytes that are written as text where they are text: {"text": …}, and otherwise
// as {"base64": …}; nil as null.
type Raw []byte

// MarshalJSON writes the text, or the bytes.
func (r Raw) MarshalJSON() ([]byte, error) {
	switch {
	case r == nil:
		return []byte("null"), nil
	case utf8.Valid(r):
		return json.Marshal(map[string]string{"text": string(r)})
	}
	return json.Marshal(map[string][]byte{"base64": r})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Raw) UnmarshalJSON(p []byte) error {
	var s *struct {
		Text  *string `json:"text"`
		Bytes []byte  `json:"base64"`
	}
	if err := json.Unmarshal(p, &s); err != nil {
		return err
	}
	switch {
	case s == nil:
		*r = nil
	case s.Text != nil:
		*r = Raw(*s.Text)
	default:
		*r = s.Bytes
	}
	return nil
}
