package read

import (
	"context"

	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const sampledDocuments = 100 // at each of a few places

// Sample reads a few documents of a tree, for the bytes of one.
func Sample(ctx context.Context, db *session.Session, t *query.Tree, pageBytes int, c query.Partitioning) (int64, error) {
	defer db.CancelWith(ctx)()
	p := newPage(t, db, nil, 4*pageBytes)
	w := writer{arena: p.rowArena}
	p.cursors.start(t, nil)
	p.cursors.leaveOut() // what only a scan would find
	var bytes, documents int64
	var document []byte
	places := []string{""}
	if len(c.Bounds) > 1 {
		places = append(places, c.Bounds[len(c.Bounds)/2])
	}
	for _, from := range places {
		lo, err := query.ParseKey(from, len(t.Root.Key))
		if err != nil {
			return 0, err
		}
		if err := p.read(lo, nil, sampledDocuments, sampleLimit); err != nil {
			return 0, err
		}
		for i := range p.n {
			document = w.row(document[:0], t.Root.Node, int32(i))
			bytes += int64(len(document))
			documents++
		}
	}
	return bytes / max(documents, 1), nil
}

// sampleLimit bounds the rows that a sample takes of an include.
func sampleLimit(n *query.Node, roots int) int { return 20 * roots }
