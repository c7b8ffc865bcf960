package read

import (
	"encoding/binary"
	"fmt"

	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// page is a run of roots in key order, with everything their documents need.
type page struct {
	*rowArena
	tree  *query.Tree
	db    *session.Session
	types typeGuard
	roots rootList

	cursors cursors
	buffer  queryBuffer

	maxRoots int  // roots to keep
	n        int  // documents that are complete
	last     bool // no root is behind them
	size     int  // bytes in the arena
	maxBytes int  // what the arena should hold at most, unless it is one document

	rows  int64 // rows received
	seen  []int // rows received, by node
	asked []int // LIMIT of each node's query; 0: none
}

// pageEstimate is what the pages so far say about the next one.
type pageEstimate struct {
	roots int       // how many to ask for
	ratio []float64 // rows for each root, by node
}

func newPage(t *query.Tree, db *session.Session, memory *rowArena, max int) *page {
	return &page{
		rowArena: newRowArena(t, memory), tree: t, db: db, roots: rootList{tree: t, keys: newKeyset()}, maxBytes: max,
		seen: make([]int, len(t.Nodes)), asked: make([]int, len(t.Nodes)),
	}
}

func (p *page) reset() {
	for i := range p.byNode {
		p.byNode[i].reset(4 * p.maxBytes)
	}
	clear(p.seen)
	clear(p.asked)
	p.roots.reset()
	p.reasons = p.reasons[:1]
	p.n, p.size, p.rows = 0, 0, 0
}

// read fills the page with the documents of at most so many roots behind lo, up to hi.
func (p *page) read(lo, hi []string, roots int, limit rowLimit) error {
	p.reset()
	if err := p.types.check(p.db); err != nil {
		return err
	}
	root := p.tree.Root
	p.maxRoots = roots
	if p.tree.KeyNotProvenUnique {
		roots++ // the last is only held against the one before it
	}
	p.buffer.sql = p.tree.Root.Pages.Between(p.buffer.sql[:0], lo, hi, roots)
	p.db.Queue(p.buffer.sql)
	if err := p.db.Flush(); err != nil {
		return err
	}
	if _, err := p.readRoots(false, nil); err != nil {
		return fmt.Errorf("%s: %w", root.Relation.Label, err)
	}
	kept := p.n
	p.last = int(p.rows) < roots && int(p.rows) == kept
	if kept > 0 {
		end, err := query.ParseKey(string(p.roots.position(kept-1)), len(root.Key))
		if err != nil {
			return err
		}
		if err := p.fetch(lo, end, limit); err != nil {
			return err
		}
		p.last = p.last && p.n == kept
		if err := p.dropFinished(); err != nil {
			return err
		}
		if err := checkDuplicateKeys(p.db, p.tree, lo, end); err != nil {
			return err
		}
	}
	if p.last && hi == nil && p.tree.KeyNotProvenUnique {
		if err := checkNullKeys(p.db, root); err != nil {
			return err
		}
	}
	p.db.Done()
	return nil
}

// readRoots takes the rows of the root query that was sent. With lookup, the first
// field is the number of the key that was asked for, collected in found.
func (p *page) readRoots(lookup bool, found []int) ([]int, error) {
	root, full, checked := p.tree.Root, false, false
	lead := 0
	if lookup {
		lead = 1
	}
	l := &p.byNode[root.Index]
	for {
		row, err := p.db.Row()
		if err != nil || row == nil {
			p.n = len(l.rows)
			return found, err
		}
		p.rows++
		if full && (checked || !p.tree.KeyNotProvenUnique) {
			continue // the page begins behind what was kept, next time
		}
		front, own, err := p.split(root.Node, row, lead)
		if err != nil {
			return found, err
		}
		if full {
			checked = true
			if err := p.roots.add(row, own); err != nil {
				return found, err
			}
			p.roots.metas = p.roots.metas[:len(p.roots.metas)-1]
			continue
		}
		if lookup {
			asked := int(binary.BigEndian.Uint64(front[0].Of(row))) - 1
			if n := len(found); n > 0 && found[n-1] == asked {
				return found, fmt.Errorf("%s: the key is not unique: a row comes twice\n    make id unique: name more columns, or use distinct or group by", root.Relation.Label)
			}
			found = append(found, asked)
		}
		at := int32(len(l.rows))
		if err := p.roots.add(row, own); err != nil {
			return found, err
		}
		if err := p.add(root.Node, row, own, -1, at); err != nil {
			return found, err
		}
		full = !lookup && (len(l.data) > p.maxBytes || p.tree.KeyNotProvenUnique && len(l.rows) == p.maxRoots)
		p.size = len(l.data)
	}
}

// readInclude takes the rows of the query that was sent for an include, if one was.
func (p *page) readInclude(n *query.Node) error {
	if p.asked[n.Index] < 0 {
		return nil
	}
	l := &p.byNode[n.Index]
	lead, last := 1, int32(-1)
	before := int32(0) // group of the row before
	if n.Fetch == query.ByRange && !p.roots.single {
		lead = len(n.ParentPairs)
	}
	for {
		row, err := p.db.Row()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		p.rows++
		p.seen[n.Index]++
		front, own, err := p.split(n, row, lead)
		if err != nil {
			return err
		}
		g := p.group(n, l, row, front, before)
		before = max(g, 0)
		if g < 0 {
			continue // belongs to no document
		}
		root := p.rootOf(n, l, g)
		last = max(last, root)
		if int(root) >= p.n {
			continue
		}
		size := len(l.data)
		if err := p.add(n, row, own, int(g), root); err != nil {
			return err
		}
		if p.size += len(l.data) - size; p.size > 4*p.maxBytes && p.n > 1 {
			p.n = int(root) // the rest of it does not fit: it comes first on the next page
		}
	}
	if limit := p.asked[n.Index]; limit > 0 && p.seen[n.Index] >= limit {
		p.n = min(p.n, int(max(last, 0)))
	}
	return nil
}

// group returns the number of the group that a row belongs to, -1 for none.
func (p *page) group(n *query.Node, l *nodeRows, row []byte, front []session.Span, before int32) int32 {
	if n.Fetch == query.ByRange && !p.roots.single {
		return p.roots.keys.near(p.leadingKey(row, front), before)
	}
	f := front[0]
	if f.Size != 8 {
		return -1
	}
	g := int64(binary.BigEndian.Uint64(f.Of(row))) - 1
	if g < 0 || g >= int64(len(l.groups)) {
		return -1
	}
	return int32(g)
}

func (p *page) rootOf(n *query.Node, l *nodeRows, g int32) int32 {
	if n.Fetch == query.ByRange {
		return g
	}
	return l.roots[g]
}
