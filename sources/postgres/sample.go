package postgres

import (
	"context"

	"humpty/sources/postgres/session"
)

const sampledDocuments = 100 // at each of a few places

// sample reads a few documents of a tree, for the bytes of one.
func sample(ctx context.Context, db *session.Session, t *tree, pageBytes int, c partitioning) (int64, error) {
	defer db.CancelWith(ctx)()
	p := newPage(t, db, nil, 4*pageBytes)
	w := writer{arena: p.rowArena}
	p.cursors.start(t, nil)
	p.cursors.leaveOut() // what only a scan would find
	var bytes, documents int64
	var document []byte
	places := []string{""}
	if len(c.bounds) > 1 {
		places = append(places, c.bounds[len(c.bounds)/2])
	}
	for _, from := range places {
		lo, err := parsePosition(from, len(t.root.key))
		if err != nil {
			return 0, err
		}
		if err := p.read(lo, nil, sampledDocuments, sampleLimit); err != nil {
			return 0, err
		}
		for i := range p.n {
			document = w.row(document[:0], t.root.node, int32(i))
			bytes += int64(len(document))
			documents++
		}
	}
	return bytes / max(documents, 1), nil
}

// sampleLimit bounds the rows that a sample takes of an include.
func sampleLimit(n *node, roots int) int { return 20 * roots }
