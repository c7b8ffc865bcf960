package raw

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"humpty/sinks"
)

func corpusOf(t *testing.T, sizes ...int) *Corpus {
	t.Helper()
	c := &Corpus{}
	for i, n := range sizes {
		doc := sinks.Document{ID: fmt.Append(nil, i), Version: 1 << 40, Body: []byte(`{"x":"` + strings.Repeat("a", n) + `"}`)}
		if err := c.Add([]sinks.Document{doc}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	c := corpusOf(t, 10, 20, 3000, 1, 0)
	var whole []byte
	for _, limit := range []int{1, 100, 2000, 1 << 20} {
		var all []byte
		docs := 0
		for _, b := range c.Batches(limit) {
			if b.Documents > 1 && len(b.Body) > limit {
				t.Errorf("limit %d: a batch of %d bytes and %d documents", limit, len(b.Body), b.Documents)
			}
			if n := bytes.Count(b.Body, []byte("\n")); n != 2*b.Documents {
				t.Errorf("limit %d: %d lines for %d documents", limit, n, b.Documents)
			}
			all = append(all, b.Body...)
			docs += b.Documents
		}
		if docs != 5 || c.Documents() != 5 {
			t.Errorf("limit %d: %d documents of %d", limit, docs, c.Documents())
		}
		if whole != nil && !bytes.Equal(all, whole) {
			t.Errorf("limit %d: other bytes than with another limit", limit)
		}
		whole = all
	}
	if first, want := string(whole[:bytes.IndexByte(whole, '\n')]), `{"index":{"_id":"0","version":1099511627776,"version_type":"external_gte"}}`; first != want {
		t.Errorf("%s, want %s", first, want)
	}
	if want := int64(10 + 20 + 3000 + 1 + 5*len(`{"x":""}`)); c.Bytes() != want {
		t.Errorf("%d bytes of bodies, want %d", c.Bytes(), want)
	}
}

func TestCorpusSlabs(t *testing.T) {
	t.Parallel()
	c := corpusOf(t, slab/2, slab/2, slab+5, 1)
	if len(c.slabs) != 4 {
		t.Errorf("%d slabs; what does not fit begins a new one", len(c.slabs))
	}
	if n := len(c.Batches(1 << 20)); n != 4 {
		t.Errorf("%d batches of documents larger than the limit, want one each", n)
	}
}

func TestCorpusDelete(t *testing.T) {
	t.Parallel()
	c := &Corpus{}
	if err := c.Add([]sinks.Document{{ID: []byte("7")}}); err == nil || !strings.Contains(err.Error(), "document 7 is a delete") {
		t.Errorf("a delete in a corpus: %v", err)
	}
}
