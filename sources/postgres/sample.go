package postgres

import "context"

const sampledDocuments = 100 // at each of a few places

// sample reads a few documents, for the bytes of one.
func (t *tree) sample(ctx context.Context, db *session, config *Config, c partitioning) (int64, error) {
	small := *config
	small.Memory = 1 // nothing is loaded for a sample
	t, _, err := compile(ctx, db, &small)
	if err != nil {
		return 0, err
	}
	defer db.cancelWith(ctx)()
	p := newPage(t, db, nil, 4*config.PageBytes)
	w := writer{shelf: p.rowArena}
	p.openCursors(nil)
	for _, s := range p.cursors { // what only a scan would find is left out
		if s != nil {
			s.open, s.end = true, true
		}
	}
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
		if err := p.read(lo, nil, sampledDocuments, t.sampleLimit); err != nil {
			return 0, err
		}
		for i := range p.n {
			document = w.row(document[:0], t.root, int32(i))
			bytes += int64(len(document))
			documents++
		}
	}
	return bytes / max(documents, 1), nil
}

// sampleLimit bounds the rows that a sample takes of an include.
func (t *tree) sampleLimit(n *node, roots int) int { return 20 * roots }
