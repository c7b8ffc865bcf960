package read

import (
	"encoding/binary"
	"errors"
	"fmt"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// nodeRows holds the rows of one node that a page needs, as JSON fragments in one arena.
type nodeRows struct {
	node   *query.Node
	data   []byte
	rows   []fragment
	groups []group // the rows of each parent, or of each distinct key
	link   []int32 // parent's row → group; -1: none. nil: parent's row i has group i
	keys   keyset  // of includes by keys or cursor: the distinct keys of the parents; from memory: of the table
	roots  []int32 // the first root that needs each of these keys

	coming struct{ data, rows int } // what the next page is thought to need
}

// fragment is one row: data[start:end] is its JSON, complete where the node is a leaf,
// otherwise without its includes and its closing brace.
type fragment struct {
	start, end int
	root       int32 // the first root that needs it
	bad        int32 // number of the reason why it cannot be written; 0: it can
}

// group is rows[first:first+count].
type group struct{ first, count, bad int32 }

func (l *nodeRows) reset(limit int) {
	if cap(l.data) > limit {
		l.data = nil // one huge page must not hold its memory for ever
	}
	if cap(l.data) < min(l.coming.data, limit) { // growing there would leave several times as much behind
		l.data = make([]byte, 0, l.coming.data*5/4)
	}
	if cap(l.rows) < min(l.coming.rows, limit) {
		l.rows = make([]fragment, 0, l.coming.rows*5/4)
	}
	l.data, l.rows, l.groups, l.link, l.roots = l.data[:0], l.rows[:0], l.groups[:0], l.link[:0], l.roots[:0]
	l.keys.reset()
}

// expect says that the next page will hold so many roots, after one of n.
func (l *nodeRows) expect(roots, n int) {
	each := float64(roots) / float64(n)
	l.coming.data, l.coming.rows = int(each*float64(len(l.data))), int(each*float64(len(l.rows)))
}

// rowArena is what rows are decoded onto: the rows of one page, or the tables in memory.
type rowArena struct {
	byNode  []nodeRows // by node; what is in memory is in memory's
	memory  *rowArena
	reasons []string // of rows that cannot be written
	spans   []session.Span
	scratch []byte
}

func newRowArena(t *query.Tree, memory *rowArena) *rowArena {
	s := &rowArena{byNode: make([]nodeRows, len(t.Nodes)), memory: memory, reasons: []string{""}}
	for i, n := range t.Nodes {
		s.byNode[i] = nodeRows{node: n, keys: newKeyset()}
	}
	return s
}

// of returns the level that holds a node's rows.
func (s *rowArena) of(n *query.Node) *nodeRows {
	if n.Fetch == query.FromMemory && s.memory != nil {
		return s.memory.of(n)
	}
	return &s.byNode[n.Index]
}

func (s *rowArena) reason(i int32, n *query.Node) string {
	if n.Fetch == query.FromMemory && s.memory != nil {
		return s.memory.reason(i, n)
	}
	return s.reasons[i]
}

// split finds the fields of a row of n behind lead fields that are not its own.
func (s *rowArena) split(n *query.Node, row []byte, lead int) (front, own []session.Span, err error) {
	want := lead + len(n.Cols)
	for len(s.spans) < want {
		s.spans = append(s.spans, session.Span{})
	}
	all := s.spans[:want]
	if err := session.SplitRow(row, all); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", n.Relation.Label, err)
	}
	return all[:lead], all[lead:], nil
}

// add appends a row to its node's level, in group g, and links it to its includes.
func (s *rowArena) add(n *query.Node, row []byte, own []session.Span, g int, root int32) error {
	l := &s.byNode[n.Index]
	var bad int32
	if g >= 0 {
		at := &l.groups[g]
		if at.count == 0 {
			at.first = int32(len(l.rows))
		} else if int(at.first+at.count) != len(l.rows) {
			return fmt.Errorf("%s: the rows of one parent do not come together", n.Relation.Label)
		} else if n.Leaf && n.Shape.Many {
			l.data = append(l.data, ',')
		}
		at.count++
	}
	data := l.data // kept out of memory that a collection looks at
	start := len(data)
	if len(n.Fields) == 0 && n.Object() {
		data = append(data, '{')
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		data = append(data, f.Prefix...)
		field := own[f.Col]
		if field.Null() {
			data = append(data, "null"...)
			continue
		}
		var err error
		if data, err = f.Encode(data, field.Of(row)); err != nil {
			if bad, err = s.rejectValue(n, &n.Cols[f.Col], err); err != nil {
				return err
			}
		}
	}
	if n.Leaf && n.Object() {
		data = append(data, '}')
	}
	l.data = data
	l.rows = append(l.rows, fragment{start, len(data), root, bad})
	if g >= 0 && bad > 0 {
		l.groups[g].bad = bad
	}
	s.linkIncludes(n, row, own, root)
	return nil
}

// rejectValue turns what JSON cannot say into the reason to reject a document.
func (s *rowArena) rejectValue(n *query.Node, c *query.Column, err error) (int32, error) {
	remedy := ""
	switch {
	case errors.Is(err, pgjson.ErrNotFinite):
		remedy = "; not_finite: null writes null instead"
	case errors.Is(err, pgjson.ErrNotUTF8):
	default:
		return 0, fmt.Errorf("%s: cannot decode what the server sent; was its type changed? %w", c.Label, err)
	}
	s.reasons = append(s.reasons, fmt.Sprintf("%s: %v%s", c.Label, err, remedy))
	return int32(len(s.reasons)) - 1, nil
}

// linkIncludes notes for each include of n which group belongs to the row just added.
func (s *rowArena) linkIncludes(n *query.Node, row []byte, own []session.Span, root int32) {
	for _, child := range n.Include {
		if child.Fetch == query.ByRange {
			continue
		}
		l := &s.byNode[child.Index]
		g := int32(-1)
		if key := s.parentKey(child, row, own); key != nil {
			if child.Fetch == query.FromMemory {
				g = s.of(child).keys.find(key)
			} else {
				g = l.keys.add(key)
				if int(g) == len(l.roots) {
					l.roots = append(l.roots, root)
				}
			}
		}
		l.link = append(l.link, g)
	}
}

// parentKey is the parent's side of an include's condition as one key; nil if any part is NULL.
func (s *rowArena) parentKey(child *query.Node, row []byte, own []session.Span) []byte {
	if len(child.ParentPairs) == 1 {
		f := own[child.ParentPairs[0].Col]
		if f.Null() {
			return nil
		}
		return row[f.At : f.At+f.Size : f.At+f.Size]
	}
	s.scratch = s.scratch[:0]
	for i := range child.ParentPairs {
		f := own[child.ParentPairs[i].Col]
		if f.Null() {
			return nil
		}
		s.scratch = appendPart(s.scratch, f.Of(row))
	}
	return s.scratch
}

// leadingKey is the key that the lead fields of a row spell, in the same form as blob.
func (s *rowArena) leadingKey(row []byte, lead []session.Span) []byte {
	if len(lead) == 1 {
		return lead[0].Of(row)
	}
	s.scratch = s.scratch[:0]
	for _, f := range lead {
		s.scratch = appendPart(s.scratch, f.Of(row))
	}
	return s.scratch
}

func appendPart(dst, part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(part))), part...)
}

// nextPart takes the first part off a key of several.
func nextPart(key []byte) (part, rest []byte) {
	n := binary.BigEndian.Uint32(key)
	return key[4 : 4+n], key[4+n:]
}
