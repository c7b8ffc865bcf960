package decode

import (
	"bytes"
	"fmt"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
	"humpty/sources"
)

// Debezium decodes change events as its JSON converter writes them, with and without
// schemas. The value is the row after the change; the type is the operation: c, u, d, r.
// A deletion and the tombstone behind it both delete. The document's id is the row's key:
// columns of the message's key as text, several with ':' between them as for tables.
//
// A column that the source did not send because it was large and not changed (TOAST with
// REPLICA IDENTITY DEFAULT) is a placeholder in the event. Such an event is poison: folding
// it would put the placeholder in the place of a good value.
type Debezium struct {
	Key         Locator // elsewhere: a header, or a path into the row
	Placeholder string  // unavailable.value.placeholder of the connector; its default if empty
}

var _ fold.Decoder = (*Debezium)(nil)

// What Debezium writes by default, and its base64 form in columns of bytes.
const (
	unavailable     = "__debezium_unavailable_value"
	unavailableWord = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
)

// Decode takes the envelope off.
func (z *Debezium) Decode(r *sources.Record, d *fold.Decoded) error {
	if r.Deleted || r.Value == nil {
		return z.decodeDeletion(r, nil, d)
	}
	if err := rawjson.Check(r.Value); err != nil {
		return &fold.Poison{Reason: err.Error()}
	}
	payload := unwrap(rawjson.Trim(r.Value))
	if rawjson.Kind(payload) == 'n' {
		return z.decodeDeletion(r, nil, d)
	}
	var op, before, after []byte
	for w := rawjson.Into(payload); w.Next(); {
		switch string(w.Name) {
		case "op":
			op = w.Value
		case "before":
			before = w.Value
		case "after":
			after = w.Value
		}
	}
	d.Type, _ = rawjson.Text(op)
	switch string(d.Type) {
	case "c", "r", "u":
	case "d":
		return z.decodeDeletion(r, before, d)
	case "m":
		return fold.ErrFiltered // a message of the application's, not a row
	case "t":
		return &fold.Poison{Reason: "a TRUNCATE: an event log cannot say which documents it deletes; rebuild from the tables, or from behind it"}
	default:
		return &fold.Poison{Reason: "not a Debezium envelope: there is no op; if the connector unwraps rows (ExtractNewRecordState), decode it as plain JSON"}
	}
	if rawjson.Kind(after) != '{' {
		return &fold.Poison{Reason: fmt.Sprintf("op %s without a row in after", d.Type)}
	}
	if column := z.findPlaceholder(after); column != "" {
		return &fold.Poison{Reason: fmt.Sprintf("column %s is not in the event: large and not changed (TOAST); ALTER TABLE … REPLICA IDENTITY FULL, then let the connector take a snapshot again", column)}
	}
	if err := z.findKey(r, after, d); err != nil {
		return err
	}
	d.Value = after
	return nil
}

// decodeDeletion is a deletion.
func (z *Debezium) decodeDeletion(r *sources.Record, row []byte, d *fold.Decoded) error {
	d.Deleted = true
	return z.findKey(r, row, d)
}

// unwrap takes the schema off.
func unwrap(v []byte) []byte {
	if rawjson.Get(v, "schema") != nil {
		if payload := rawjson.Get(v, "payload"); payload != nil {
			return payload
		}
	}
	return v
}

func (z *Debezium) findKey(r *sources.Record, row []byte, d *fold.Decoded) (err error) {
	if z.Key.Header != "" || z.Key.inPayload() {
		if d.Key, err = z.Key.find(r, row); err == nil && len(d.Key) == 0 {
			err = &fold.Poison{Reason: fmt.Sprintf("there is no key: %s is missing or empty", z.Key)}
		}
		return err
	}
	if len(r.Key) == 0 {
		return &fold.Poison{Reason: "there is no key: the table has none, or the connector was told to leave it out (message.key.columns)"}
	}
	if err := rawjson.Check(r.Key); err != nil {
		return &fold.Poison{Reason: "the message's key is " + err.Error() + " (key.converter should be the JsonConverter)"}
	}
	key := unwrap(rawjson.Trim(r.Key))
	if rawjson.Kind(key) != '{' {
		d.Key, err = scalar(key, Locator{})
		return err
	}
	var parts [][]byte
	for w := rawjson.Into(key); w.Next(); {
		part, err := scalar(w.Value, Locator{Path: []string{string(w.Name)}})
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 { // as it is: nothing to tell apart
		d.Key = parts[0]
		return nil
	}
	for i, part := range parts {
		if i > 0 {
			d.Key = append(d.Key, ':')
		}
		d.Key = appendEscaped(d.Key, part)
	}
	return nil
}

// appendEscaped escapes separators in a part, so that different keys have different ids.
func appendEscaped(dst, part []byte) []byte {
	for _, c := range part {
		if c == ':' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

// findPlaceholder names the first column that holds it, also in an array or an object.
func (z *Debezium) findPlaceholder(row []byte) string {
	word := z.Placeholder
	if word == "" {
		word = unavailable
	}
	if !bytes.Contains(row, []byte(word)) && (z.Placeholder != "" || !bytes.Contains(row, []byte(unavailableWord))) {
		return ""
	}
	for w := rawjson.Into(row); w.Next(); {
		if z.containsPlaceholder(w.Value, word) {
			return string(w.Name)
		}
	}
	return ""
}

func (z *Debezium) containsPlaceholder(v []byte, word string) bool {
	if text, ok := rawjson.Text(v); ok {
		return string(text) == word || z.Placeholder == "" && string(text) == unavailableWord
	}
	for w := rawjson.Into(v); w.Next(); {
		if z.containsPlaceholder(w.Value, word) {
			return true
		}
	}
	return false
}
