package read

import (
	"fmt"

	"humpty/sources/postgres/query"
)

// rowLimit says how many rows to ask of a node, for n roots; 0 for all.
type rowLimit func(n *query.Node, roots int) int

// fetch reads everything below the roots on the page, depth by depth. Where more came
// than the page should hold, p.n shrinks to the documents that are complete.
func (p *page) fetch(lo, hi []string, limit rowLimit) error {
	for _, round := range p.tree.Depths {
		asked := 0
		for i, n := range round {
			p.prepare(n)
			if err := p.ask(n, lo, hi, limit); err != nil {
				return err
			}
			// one query may be answered while the next is sent, but never so much that both
			// sides wait for the other to read
			if i+1 < len(round) && p.db.CanPipeline() {
				continue
			}
			if err := p.db.Flush(); err != nil {
				return err
			}
			for _, n := range round[asked : i+1] {
				if err := p.readInclude(n); err != nil {
					return fmt.Errorf("include %s, %s: %w", n.Path, n.Relation.Label, err)
				}
			}
			asked = i + 1
		}
		for _, n := range round {
			if p.cursors.of(n) == nil {
				continue
			}
			if err := p.readCursor(n, lo); err != nil {
				return fmt.Errorf("include %s, %s, without an index: %w", n.Path, n.Relation.Label, err)
			}
		}
	}
	return nil
}

// prepare makes room for the groups of an include.
func (p *page) prepare(n *query.Node) {
	l := &p.byNode[n.Index]
	groups := l.keys.len()
	if n.Fetch == query.ByRange {
		groups = p.n
		if p.roots.single {
			groups = len(p.roots.metas)
		}
	}
	for len(l.groups) < groups {
		l.groups = append(l.groups, group{})
	}
}

// ask queues the query for an include, where there is anything to ask.
func (p *page) ask(n *query.Node, lo, hi []string, limit rowLimit) error {
	l := &p.byNode[n.Index]
	p.asked[n.Index] = -1
	if p.n == 0 || p.cursors.of(n) != nil {
		return nil
	}
	rows := limit(n, p.n)
	if n.Fetch == query.ByRange && !p.roots.single {
		p.buffer.sql = p.tree.InRange[n.Index].Between(p.buffer.sql[:0], lo, hi, rows)
	} else {
		keys, count := &l.keys, 0
		if n.Fetch == query.ByRange {
			keys, count = &p.roots.keys, p.roots.keys.len()
		}
		for count < len(l.roots) && int(l.roots[count]) < p.n { // later ones belong to no complete document
			count++
		}
		if count == 0 {
			return nil
		}
		if err := p.buffer.setKeys(n, keys, count); err != nil {
			return err
		}
		p.buffer.sql = p.tree.ForKeys[n.Index].Among(p.buffer.sql[:0], p.buffer.arrays, rows)
	}
	p.asked[n.Index] = rows
	p.db.Queue(p.buffer.sql)
	return nil
}

// queryBuffer is where a page's queries are written.
type queryBuffer struct {
	sql, text []byte
	arrays    [][]byte // the insides of array literals, one a column
}

// setKeys writes the first keys as the insides of array literals, one a column.
func (b *queryBuffer) setKeys(n *query.Node, keys *keyset, count int) error {
	for len(b.arrays) < len(n.ParentPairs) {
		b.arrays = append(b.arrays, nil)
	}
	b.arrays = b.arrays[:len(n.ParentPairs)]
	for i := range b.arrays {
		b.arrays[i] = b.arrays[i][:0]
	}
	var err error
	for k := range count {
		key := keys.at(k)
		for i := range n.ParentPairs {
			part := key
			if len(n.ParentPairs) > 1 {
				part, key = nextPart(key)
			}
			if b.text, err = n.ParentPairs[i].Text(b.text[:0], part); err != nil {
				return fmt.Errorf("include %s: %w", n.Path, err)
			}
			b.arrays[i] = query.AppendArrayItem(b.arrays[i], b.text)
		}
	}
	return nil
}
