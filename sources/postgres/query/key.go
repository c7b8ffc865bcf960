package query

import (
	"encoding/json"
	"fmt"
	"strings"

	"humpty/sources/postgres/pgjson"
)

const (
	idSeparator = ':'
	idEscape    = '\\'
)

// AppendIDPart appends one part of a composed id. Separator and escape character inside
// a part are escaped, so that two different keys never have the same id.
func AppendIDPart(dst, part []byte, first bool) []byte {
	if !first {
		dst = append(dst, idSeparator)
	}
	for _, c := range part {
		if c == idSeparator || c == idEscape {
			dst = append(dst, idEscape)
		}
		dst = append(dst, c)
	}
	return dst
}

// SplitID takes an id apart again; not ok if it is none of n parts.
func SplitID(id string, n int) (parts []string, ok bool) {
	if n == 1 {
		return []string{id}, true
	}
	var part strings.Builder
	for i := 0; i < len(id); i++ {
		switch id[i] {
		case idSeparator:
			parts = append(parts, part.String())
			part.Reset()
			continue
		case idEscape:
			if i++; i == len(id) {
				return nil, false
			}
		}
		part.WriteByte(id[i])
	}
	parts = append(parts, part.String())
	return parts, len(parts) == n
}

// DocumentID is the id that a root row has, of whose columns the stream says these texts.
func (r *RootNode) DocumentID(texts []string) []byte {
	cast := make([]string, len(texts))
	for i, text := range texts {
		cast[i] = castText(r.ID[i].Type, text)
	}
	return ComposeID(cast)
}

// ComposeID joins the parts of an id, which are as a cast to text gives them.
func ComposeID(parts []string) (id []byte) {
	if len(parts) == 1 {
		return []byte(parts[0])
	}
	for i, part := range parts {
		id = AppendIDPart(id, []byte(part), i == 0)
	}
	return id
}

// castText is what a cast to text, by which ids are read, makes of a value that the stream
// has written by its type's output function. Of all other types the two are the same:
// a capture refuses those of extensions that differ.
func castText(typ uint32, text string) string {
	switch typ {
	case pgjson.OIDBool:
		return map[string]string{"t": "true", "f": "false"}[text]
	case pgjson.OIDBpchar:
		return strings.TrimRight(text, " ")
	case pgjson.OIDInet:
		if strings.Contains(text, "/") {
			return text
		}
		if strings.Contains(text, ":") {
			return text + "/128"
		}
		return text + "/32"
	}
	return text
}

// ParseKey reads a key written as a JSON array of the texts of its columns.
func ParseKey(s string, columns int) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	var key []string
	if err := json.Unmarshal([]byte(s), &key); err != nil || len(key) != columns {
		return nil, fmt.Errorf("position %s is not a key of %d columns: it belongs to another definition", s, columns)
	}
	return key, nil
}

// FormatKey writes a key as ParseKey reads it.
func FormatKey(key []string) string {
	out := []byte{'['}
	for i, k := range key {
		if i > 0 {
			out = append(out, ',')
		}
		out = pgjson.AppendString(out, []byte(k))
	}
	return string(append(out, ']'))
}
