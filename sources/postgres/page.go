package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// page is a run of roots in key order, with everything their documents need.
type page struct {
	*rowArena
	tree  *tree
	db    *session
	roots keyset     // the root's keys, where an include is read by range
	metas []rootMeta // of each root
	texts []byte     // what they point into

	cursors []*cursor // by node: cursors, where no index reaches
	upTo    []string  // the end of what they read
	single  bool      // the roots were looked up by key: not all keys in their range are here

	learnt pageEstimate // by the readers of it before

	maxRoots int  // roots to keep
	n        int  // documents that are complete
	last     bool // no root is behind them
	size     int  // bytes on the shelf
	maxBytes int  // what the shelf should hold at most, unless it is one document

	before int32 // group of the row before
	rows   int64 // rows received
	seen   []int // rows received, by node
	asked  []int // LIMIT of each node's query; 0: none

	sql    []byte
	text   []byte
	arrays [][]byte
}

// pageEstimate is what the pages so far say about the next one.
type pageEstimate struct {
	roots int       // how many to ask for
	ratio []float64 // rows for each root, by node
}

// rootMeta is what a document is called.
type rootMeta struct {
	id, routing, position span // in texts; routing may be null
	version               int64
	reject                string
}

func newPage(t *tree, db *session, memory *rowArena, max int) *page {
	return &page{
		rowArena: newRowArena(t, memory), tree: t, db: db, roots: newKeyset(), maxBytes: max,
		seen: make([]int, len(t.nodes)), asked: make([]int, len(t.nodes)),
	}
}

func (p *page) reset() {
	for i := range p.byNode {
		p.byNode[i].reset(4 * p.maxBytes)
	}
	clear(p.seen)
	clear(p.asked)
	clear(p.metas)
	p.roots.reset()
	p.metas, p.texts, p.reasons = p.metas[:0], p.texts[:0], p.reasons[:1]
	p.n, p.size, p.rows = 0, 0, 0
}

// read fills the page with the documents of at most so many roots behind lo, up to hi.
func (p *page) read(lo, hi []string, roots int, limit rowLimit) error {
	p.reset()
	if err := p.checkTypes(); err != nil {
		return err
	}
	root := p.tree.root
	p.maxRoots = roots
	if p.tree.keyNotProvenUnique {
		roots++ // the last is only held against the one before it
	}
	p.sql = p.tree.pages.between(p.sql[:0], lo, hi, roots)
	p.db.queue(p.sql)
	if err := p.db.flush(); err != nil {
		return err
	}
	if _, err := p.readRoots(false, nil); err != nil {
		return fmt.Errorf("%s: %w", root.rel.label, err)
	}
	kept := p.n
	p.last = int(p.rows) < roots && int(p.rows) == kept
	if kept > 0 {
		end, err := parsePosition(string(p.metas[kept-1].position.of(p.texts)), len(root.key))
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
		if err := p.checkDuplicateKeys(lo, end); err != nil {
			return err
		}
	}
	if p.last && hi == nil && p.tree.keyNotProvenUnique {
		if err := p.checkNullKeys(); err != nil {
			return err
		}
	}
	p.db.done()
	return nil
}

// readRoots takes the rows of the root query that was sent. With lookup, the first
// field is the number of the key that was asked for, collected in found.
func (p *page) readRoots(lookup bool, found []int) ([]int, error) {
	root, full, checked := p.tree.root, false, false
	lead := 0
	if lookup {
		lead = 1
	}
	l := &p.byNode[root.index]
	for {
		row, err := p.db.row()
		if err != nil || row == nil {
			p.n = len(l.rows)
			return found, err
		}
		p.rows++
		if full && (checked || !p.tree.keyNotProvenUnique) {
			continue // the page begins behind what was kept, next time
		}
		front, own, err := p.split(root, row, lead)
		if err != nil {
			return found, err
		}
		if full {
			checked = true
			if err := p.addMeta(root, row, own); err != nil {
				return found, err
			}
			p.metas = p.metas[:len(p.metas)-1]
			continue
		}
		if lookup {
			asked := int(binary.BigEndian.Uint64(front[0].of(row))) - 1
			if n := len(found); n > 0 && found[n-1] == asked {
				return found, fmt.Errorf("%s: the key is not unique: a row comes twice\n    make id unique: name more columns, or use distinct or group by", root.rel.label)
			}
			found = append(found, asked)
		}
		at := int32(len(l.rows))
		if err := p.addMeta(root, row, own); err != nil {
			return found, err
		}
		if err := p.add(root, row, own, -1, at); err != nil {
			return found, err
		}
		full = !lookup && (len(l.data) > p.maxBytes || p.tree.keyNotProvenUnique && len(l.rows) == p.maxRoots)
		p.size = len(l.data)
	}
}

// addMeta notes the id, routing, version and position of a root.
func (p *page) addMeta(root *node, row []byte, own []span) (err error) {
	var h rootMeta
	if p.tree.usesRootKey {
		key := p.rootKey(root, row, own)
		spelled := p.single && slices.ContainsFunc(root.key, func(k keyColumn) bool { return k.raw < 0 }) // several keys may ask for one row
		if n := p.roots.add(key); int(n) != len(p.metas) && !spelled {
			return fmt.Errorf("%s: the key is not unique: a row comes twice", root.rel.label)
		}
	}
	if h.id, err = p.joined(root.id, row, own); err != nil {
		return err
	}
	if h.routing, err = p.joined(root.routing, row, own); err != nil {
		return err
	}
	start := len(p.texts)
	p.texts = append(p.texts, '[')
	for i, k := range root.key {
		f := own[k.col]
		if f.null() {
			return fmt.Errorf("%s: a column of the key (%s) is NULL in a row\n    leave such rows out, or choose another id", root.rel.label, root.keyNames())
		}
		if i > 0 {
			p.texts = append(p.texts, ',')
		}
		if p.text, err = k.text(p.text[:0], f.of(row)); err != nil {
			return err
		}
		p.texts = appendString(p.texts, p.text)
	}
	p.texts = append(p.texts, ']')
	h.position = span{int32(start), int32(len(p.texts) - start)}
	if n := len(p.metas); p.tree.keyNotProvenUnique && !p.single && n > 0 && bytes.Equal(h.position.of(p.texts), p.metas[n-1].position.of(p.texts)) {
		return fmt.Errorf("%s: the key %s comes twice\n    make id unique: name more columns, or use distinct or group by", root.rel.label, h.position.of(p.texts))
	}
	switch {
	case h.id.null():
		return fmt.Errorf("%s: the id is NULL in a row", root.rel.label)
	case h.id.size == 0:
		h.reject = "its id is empty, which no index takes"
	case h.id.size > maxID:
		h.reject = fmt.Sprintf("its id has %d bytes; an index takes at most %d", h.id.size, maxID)
	}
	if root.version >= 0 {
		if h.version, err = version(own[root.version], row, root.cols[root.version].typ); err != nil {
			h.reject = fmt.Sprintf("column %s: %v", root.cols[root.version].label, err)
		}
	}
	p.metas = append(p.metas, h)
	return nil
}

func (p *page) rootKey(root *node, row []byte, own []span) []byte {
	if len(root.key) == 1 {
		return own[root.key[0].col].of(row)
	}
	p.scratch = p.scratch[:0]
	for _, k := range root.key {
		p.scratch = appendPart(p.scratch, own[k.col].of(row))
	}
	return p.scratch
}

// readInclude takes the rows of the query that was sent for an include, if one was.
func (p *page) readInclude(n *node) error {
	if p.asked[n.index] < 0 {
		return nil
	}
	l := &p.byNode[n.index]
	lead, last := 1, int32(-1)
	p.before = 0
	if n.fetch == byRange && !p.single {
		lead = len(n.parentPairs)
	}
	for {
		row, err := p.db.row()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		p.rows++
		p.seen[n.index]++
		front, own, err := p.split(n, row, lead)
		if err != nil {
			return err
		}
		g := p.group(n, l, row, front)
		p.before = max(g, 0)
		if g < 0 {
			continue // belongs to no document
		}
		root := p.rootOf(n, l, g)
		last = max(last, root)
		if int(root) >= p.n {
			continue
		}
		before := len(l.data)
		if err := p.add(n, row, own, int(g), root); err != nil {
			return err
		}
		if p.size += len(l.data) - before; p.size > 4*p.maxBytes && p.n > 1 {
			p.n = int(root) // the rest of it does not fit: it comes first on the next page
		}
	}
	if limit := p.asked[n.index]; limit > 0 && p.seen[n.index] >= limit {
		p.n = min(p.n, int(max(last, 0)))
	}
	return nil
}

// group returns the number of the group that a row belongs to, -1 for none.
func (p *page) group(n *node, l *nodeRows, row []byte, front []span) int32 {
	if n.fetch == byRange && !p.single {
		return p.roots.near(p.leadingKey(row, front), p.before)
	}
	f := front[0]
	if f.size != 8 {
		return -1
	}
	g := int64(binary.BigEndian.Uint64(f.of(row))) - 1
	if g < 0 || g >= int64(len(l.groups)) {
		return -1
	}
	return int32(g)
}

func (p *page) rootOf(n *node, l *nodeRows, g int32) int32 {
	if n.fetch == byRange {
		return g
	}
	return l.roots[g]
}

// joined is the text of several columns as one id: see doc.go. NULL if any part is.
func (p *page) joined(columns []keyColumn, row []byte, own []span) (span, error) {
	start := len(p.texts)
	for i, k := range columns {
		f := own[k.col]
		if f.null() {
			p.texts = p.texts[:start]
			return span{size: -1}, nil
		}
		if len(columns) == 1 {
			var err error
			p.texts, err = k.text(p.texts, f.of(row))
			return span{int32(start), int32(len(p.texts) - start)}, err
		}
		var err error
		if p.text, err = k.text(p.text[:0], f.of(row)); err != nil {
			return span{}, err
		}
		p.texts = appendIDPart(p.texts, p.text, i == 0)
	}
	if len(columns) == 0 {
		return span{size: -1}, nil
	}
	return span{int32(start), int32(len(p.texts) - start)}, nil
}

func version(f span, row []byte, typ uint32) (int64, error) {
	if f.null() {
		return 0, errors.New("the version is NULL")
	}
	var v int64
	switch raw := f.of(row); len(raw) {
	case 2:
		v = int64(int16(binary.BigEndian.Uint16(raw)))
	case 4:
		v = int64(int32(binary.BigEndian.Uint32(raw)))
	case 8:
		v = int64(binary.BigEndian.Uint64(raw))
		if typ == oidTimestamp || typ == oidTimestampTZ {
			v += epochDays * daySpan // microseconds since 1970
		}
	default:
		return 0, errSize("version", raw)
	}
	if v <= 0 {
		return 0, errors.New("the version is not positive: " + strconv.FormatInt(v, 10))
	}
	return v, nil
}
