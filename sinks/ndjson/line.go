package ndjson

import (
	"bytes"
	"encoding/json"
	"fmt"

	"humpty/sinks"
)

// line is one write as it is in the file.
type line struct {
	ID      string          `json:"id"`
	Routing *string         `json:"routing,omitempty"`
	Version int64           `json:"version"`
	Deleted bool            `json:"deleted,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// appendLine appends a document; its body goes in byte for byte.
func appendLine(dst []byte, d *sinks.Document, version int64) ([]byte, error) {
	head := line{ID: string(d.ID), Version: version, Deleted: d.Body == nil}
	if d.Routing != nil {
		routing := string(d.Routing)
		head.Routing = &routing
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(head); err != nil {
		return dst, fmt.Errorf("encode document %q: %w", d.ID, err)
	}
	dst = append(dst, bytes.TrimRight(b.Bytes(), "}\n")...)
	if d.Body != nil {
		dst = append(dst, `,"body":`...)
		dst = append(dst, d.Body...)
	}
	return append(dst, "}\n"...), nil
}

// invalid says why a document cannot be a line.
func invalid(d *sinks.Document) string {
	body := bytes.TrimSpace(d.Body)
	switch {
	case len(d.ID) == 0:
		return "the id is empty"
	case d.Body == nil:
		return ""
	case bytes.IndexByte(d.Body, '\n') >= 0:
		return "the body has more than one line"
	case len(body) == 0 || body[0] != '{' || !json.Valid(body):
		return "the body is not a JSON object"
	}
	return ""
}
