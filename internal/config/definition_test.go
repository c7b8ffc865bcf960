package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Each projection of the reference is read back from its definition as it was.
func TestStoredDefinitionIsReadBack(t *testing.T) {
	t.Parallel()
	c := reference(t)
	for _, p := range c.Projections {
		other := p // as the file says it later
		other.Document.Columns, other.Document.Include, other.Index, other.Versions = nil, nil, json.RawMessage(`{}`), "other"
		of, err := c.Stored(other, p.Definition, p.Hash)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if of.Hash != p.Hash || !bytes.Equal(of.Definition, p.Definition) || of.Limits.Writers != p.Limits.Writers {
			t.Errorf("%s: %s is not %s", p.Name, of.Definition, p.Definition)
		}
		if !reflect.DeepEqual(prune(canonical(withoutPlaces(of.Document))), prune(canonical(withoutPlaces(p.Document)))) {
			t.Errorf("%s: %+v is not %+v", p.Name, of.Document, p.Document)
		}
		for i, e := range of.allEvents() {
			was := p.allEvents()[i]
			if e.Truncated != was.Truncated || e.Group != was.Group || e.Script != was.Script {
				t.Errorf("%s: %+v is not %+v", p.Name, e, was)
			}
		}
	}
}

// What is not the definition that the hash names is not taken for it.
func TestStoredDefinitionIsForeign(t *testing.T) {
	t.Parallel()
	c := reference(t)
	p := c.Projections[0]
	text := string(p.Definition)
	for name, tc := range map[string]struct{ text, hash, want string }{
		"nothing":         {"", p.Hash, "cannot be read"},
		"no JSON":         {text[1:], p.Hash, "cannot be read"},
		"another":         {strings.Replace(text, "o_orderkey", "o_custkey", 1), p.Hash, "not the one with the hash"},
		"another hash":    {text, strings.Repeat("0", 32), "not the one with the hash"},
		"more in it":      {strings.Replace(text, `"format":1`, `"format":1,"later":true`, 1), p.Hash, ""}, // which makes no document
		"a later format":  {strings.Replace(text, `"format":1`, `"format":2`, 1), p.Hash, "format 2"},
		"another alias":   {strings.Replace(text, `"alias":"`+p.Alias, `"alias":"x`+p.Alias, 1), p.Hash, "alias"},
		"larger than any": {text + strings.Repeat(" ", maxStored), p.Hash, "bytes, more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.Stored(p, []byte(tc.text), tc.hash)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	without := *c
	without.Sources = nil
	if _, err := without.Stored(p, p.Definition, p.Hash); err == nil || !strings.Contains(err.Error(), "under sources") {
		t.Errorf("error %v", err)
	}
	other := *c
	other.Sources = nil
	for _, name := range p.SourceNames() {
		other.Sources = append(other.Sources, Source{Name: name, Kafka: &Kafka{}})
	}
	if _, err := other.Stored(p, p.Definition, p.Hash); err == nil || !strings.Contains(err.Error(), "no PostgreSQL") {
		t.Errorf("error %v", err)
	}
}
