package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// indexDecoder reads the definition of an index.
type indexDecoder struct{ *input }

// index reads the index's definition, from its file or as it stands in this one.
func (d indexDecoder) index(f *field, target string) json.RawMessage {
	n := f.value.get("index")
	switch {
	case n == nil && (target == "elasticsearch" || target == "opensearch"):
		d.problems.Add(f.place, "add index: with a JSON file of settings and mappings, or both inline", "the projection %s has no index definition", f.key)
		return nil
	case n == nil:
		return nil
	case n.reported:
		return nil
	case n.kind == mapping:
		d.definition(n)
		return inline(n)
	}
	path := d.path(n)
	data, err := readFile(path)
	if err != nil {
		d.problems.Add(n.at(), "create it, or correct the path: it is relative to "+d.file, "cannot read the index definition %s: %v", path, plainCause(err))
		return nil
	}
	if err := jsonObject(data); err != nil {
		d.problems.Add(jsonPlace(path, data, err), "it is JSON, exactly as the target takes it: {\"settings\": {…}, \"mappings\": {…}}", "the index definition is not valid: %v", err)
		return nil
	}
	d.fileKeys(path, data)
	return data
}

// jsonObject wants one JSON object and nothing behind it.
func jsonObject(data []byte) error {
	var top map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&top)
	switch {
	case errors.Is(err, io.EOF), err == nil && top == nil:
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early: a brace or a quote is not closed")
	case err != nil:
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind the closing brace")
	}
	return nil
}

func jsonPlace(path string, data []byte, err error) string {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	offset := int64(len(data))
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &wrong):
		offset = wrong.Offset
	}
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	return place(path, line, len(before)-bytes.LastIndexByte(before, '\n'))
}

// fileKeys checks the top keys of an index file, with their lines.
func (d indexDecoder) fileKeys(path string, data []byte) {
	dec := json.NewDecoder(bytes.NewReader(data))
	_, _ = dec.Token() // the brace; the file was read before
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return
		}
		before := data[:dec.InputOffset()]
		line := 1 + bytes.Count(before, []byte("\n"))
		column := len(before) - bytes.LastIndexByte(before, '\n') - len(fmt.Sprint(name)) - 2
		d.topKey(place(path, line, column), fmt.Sprint(name))
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return
		}
	}
}

func (d indexDecoder) definition(n *node) {
	for _, f := range n.mapped() {
		d.topKey(f.place, f.key)
	}
}

func (d indexDecoder) topKey(at, name string) {
	switch name {
	case "settings", "mappings":
	case "aliases":
		d.problems.Add(at, "leave it out; an alias that serves already keeps its filter and routing at the swap", "the index definition has aliases, but humpty moves the alias")
	default:
		d.problems.Add(at, didYouMean(name, []string{"settings", "mappings"}), "unknown key %q in the index definition", name)
	}
}

// inline writes a tree as JSON, in its own order and with numbers digit for digit.
func inline(n *node) json.RawMessage {
	var b strings.Builder
	writeJSON(&b, n)
	return json.RawMessage(b.String())
}

func writeJSON(b *strings.Builder, n *node) {
	n.used = true
	switch n.kind {
	case mapping:
		b.WriteByte('{')
		for i, f := range n.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(quote(f.key))
			b.WriteByte(':')
			writeJSON(b, f.value)
		}
		b.WriteByte('}')
	case sequence:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case null:
		b.WriteString("null")
	case integer, number, boolean:
		if json.Valid([]byte(n.text)) {
			b.WriteString(n.text)
			return
		}
		b.Write(quote(n.text)) // .inf, 0x10: the target decides
	default:
		b.Write(quote(n.text))
	}
}

func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
