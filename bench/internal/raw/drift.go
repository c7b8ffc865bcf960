package raw

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// Drift is how many documents of an index were made wrong.
type Drift struct{ Missing, Stale, Extra int64 }

// PlantDrift makes share of an index's documents wrong, chosen at random but the same for the
// same corpus: a third is deleted, a third overwritten with another document, a third
// added under ids that the source does not have. It writes as an application does, without
// versions, and refreshes.
func PlantDrift(ctx context.Context, search *Search, index string, c *Corpus, share float64) (Drift, error) {
	var d Drift
	rng := rand.New(rand.NewPCG(1, 2))
	wrong := max(int(share*float64(c.documents)), 3)
	other, err := c.document(0)
	if err != nil {
		return d, err
	}
	var b Batch
	var body, answer bytes.Buffer
	send := func() error {
		b.Body = body.Bytes()
		if len(b.Body) == 0 {
			return nil
		}
		err := shoot(ctx, search, index, b, &answer)
		body.Reset()
		return err
	}
	for i, n := range rng.Perm(int(c.documents) - 1)[:min(wrong, int(c.documents)-1)] {
		one, err := c.document(n + 1)
		if err != nil {
			return d, err
		}
		switch i % 3 {
		case 0:
			d.Missing++
			fmt.Fprintf(&body, "{\"delete\":{\"_id\":%q}}\n", one.id)
		case 1:
			d.Stale++
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n%s\n", one.id, other.body)
		case 2:
			d.Extra++
			fmt.Fprintf(&body, "{\"index\":{\"_id\":%q}}\n%s\n", "extra-"+one.id, one.body)
		}
		if body.Len() > 4<<20 {
			if err := send(); err != nil {
				return d, fmt.Errorf("spoil %s: %w", index, err)
			}
		}
	}
	if err := send(); err != nil {
		return d, fmt.Errorf("spoil %s: %w", index, err)
	}
	return d, search.Refresh(ctx, index)
}

// FlipCharacter changes one character of one document of an index, chosen at random but the same for
// the same corpus, as an application would write it, and says which.
func FlipCharacter(ctx context.Context, search *Search, index string, c *Corpus) (id string, err error) {
	rng := rand.New(rand.NewPCG(3, 4))
	one, err := c.document(rng.IntN(int(c.documents)))
	if err != nil {
		return "", err
	}
	const before = `"o_orderpriority":"`
	at := bytes.Index(one.body, []byte(before))
	if at < 0 {
		return "", fmt.Errorf("document %s has no priority to change", one.id)
	}
	body := bytes.Clone(one.body)
	body[at+len(before)] ^= 1
	action := fmt.Appendf(nil, "{\"index\":{\"_id\":%q}}\n%s\n", one.id, body)
	var answer bytes.Buffer
	if err := shoot(ctx, search, index, Batch{Body: action}, &answer); err != nil {
		return "", fmt.Errorf("change a character in %s: %w", index, err)
	}
	return one.id, search.Refresh(ctx, index)
}

// bulkDocument is one document of a corpus.
type bulkDocument struct {
	id   string
	body []byte
}

// document is the nth one.
func (c *Corpus) document(n int) (bulkDocument, error) {
	for _, p := range c.slabs {
		if n >= len(p.ends) {
			n -= len(p.ends)
			continue
		}
		start := 0
		if n > 0 {
			start = p.ends[n-1]
		}
		action, body, _ := bytes.Cut(p.data[start:p.ends[n]], []byte("\n"))
		var a struct {
			Index struct {
				ID string `json:"_id"`
			} `json:"index"`
		}
		if err := json.Unmarshal(action, &a); err != nil {
			return bulkDocument{}, fmt.Errorf("the corpus's document %d: %w", n, err)
		}
		return bulkDocument{a.Index.ID, bytes.TrimSuffix(body, []byte("\n"))}, nil
	}
	return bulkDocument{}, fmt.Errorf("the corpus has no document %d", n)
}
