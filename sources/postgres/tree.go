package postgres

import (
	"slices"
	"strings"

	"humpty/sources"
)

// tree is a Shape held against the catalog: what to select, and how to put it together.
type tree struct {
	root               *node
	nodes              []*node   // by index, parents before children
	depths             [][]*node // what is fetched for a page, depth by depth
	types              *types
	keyNotProvenUnique bool // nothing in the catalog makes the root's key unique
	usesRootKey        bool // some include is read by the root's key: in its range, or by a cursor

	spare pagePool  // pages of readers that are done
	guard typeGuard // of the types, where nothing else keeps them

	pages, byID      statement   // of the root
	inRange, forKeys []statement // by node
}

// node is one table of the tree.
type node struct {
	index   int
	path    string // lines.product, for messages; empty for the root
	shape   *sources.Shape
	rel     *relation
	parent  *node
	include []*node

	cols   []column // what is selected, in this order
	fields []field
	order  []sortTerm // of a many: total

	fetch   fetchStrategy
	prefix  []byte // "name": of the field in the parent
	missing []byte // what stands there without a row
	leaf    bool

	through      *relation
	parentPairs  []joinPair // parent to child, or to the join table
	throughPairs []joinPair // join table to child

	key     []keyColumn // root: what it is chunked and re-read by
	id      []keyColumn
	routing []keyColumn
	version int // root: the column of the version; -1 where the engine decides
}

// column is one selected expression.
type column struct {
	sql    string
	label  string // for messages
	encode encoder
	typ    uint32 // before to_json or ::text
	result uint32 // as the server describes it, once known
}

// sortTerm is one term of an ORDER BY.
type sortTerm struct {
	sql  string
	desc bool
}

// field is one field of the document.
type field struct {
	name []byte // "name":
	col  int

	prefix []byte  // all that stands before the value, from the brace or comma on
	encode encoder // of its column
}

// joinPair is one pair of an include's condition.
type joinPair struct {
	child  string // column of the child, or in a head with a join table of that
	parent string // column of the parent, or in a tail of the join table
	col    int    // the parent's selected column that holds the value, in a head
	cast   string // type of the parent's value
	nested bool   // that type has no plain array of its own
	text   texter
	exact  bool // equal values have equal bytes once the child's is cast to the parent's type
	sorted bool // both sides sort alike
}

// fetchStrategy is how the rows of an include are found.
type fetchStrategy uint8

const (
	byRange    fetchStrategy = iota // in the root's key range, in key order
	byKeys                          // by the values the page's parents have
	fromMemory                      // in a table held in memory
	byCursor                        // by one cursor over a join from the root down: no index to use
)

// keyColumn is one column of a key with its text form.
type keyColumn struct {
	name string
	sql  string // the column
	col  int    // selected column that gives the text
	raw  int    // selected column with the plain value; -1 where equal values may differ in bytes
	cast string
	typ  uint32

	nested bool // no array of such values can be unnested

	text texter
}

// texter appends the text form of a value that was selected in binary.
type texter func(dst, src []byte) ([]byte, error)

func plainText(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }

// texterOf returns how a type is written as text; nil where the server must do it.
func texterOf(oid uint32) texter {
	switch oid {
	case oidInt2:
		return encodeInt2
	case oidInt4:
		return encodeInt4
	case oidInt8:
		return encodeInt8
	case oidOID:
		return encodeOID
	case oidBool:
		return encodeBool
	case oidUUID:
		return appendUUID
	case oidText, oidVarchar, oidName:
		return plainText
	}
	return nil
}

// sameBytes reports whether equal values of a type are equal byte for byte.
func sameBytes(oid uint32) bool {
	switch oid {
	case oidInt2, oidInt4, oidInt8, oidOID, oidBool, oidUUID, oidText, oidVarchar, oidName,
		oidDate, oidTimestamp, oidTimestampTZ, oidTime, oidBytea:
		return true
	}
	return false
}

// isInteger reports whether a type is one of the integers, which compare across sizes.
func isInteger(oid uint32) bool { return oid == oidInt2 || oid == oidInt4 || oid == oidInt8 }

// add selects an expression once and returns its column.
func (n *node) add(c column) int {
	if i := slices.IndexFunc(n.cols, func(o column) bool { return o.sql == c.sql }); i >= 0 {
		if n.cols[i].encode == nil {
			n.cols[i].encode = c.encode
		}
		return i
	}
	n.cols = append(n.cols, c)
	return len(n.cols) - 1
}

// finish derives what reading needs once all nodes are known.
func (t *tree) finish() {
	t.inRange, t.forKeys = make([]statement, len(t.nodes)), make([]statement, len(t.nodes))
	t.pages, t.byID = t.root.rootPages(), t.root.rootByID()
	for _, n := range slices.Backward(t.nodes) { // children first
		n.leaf = len(n.include) == 0
		n.setPrefixes()
		n.missing = n.blank()
		if n.parent == nil || n.fetch == fromMemory {
			continue
		}
		t.forKeys[n.index] = n.forKeys()
		if n.fetch == byRange {
			t.inRange[n.index] = n.inRange()
		}
		t.usesRootKey = t.usesRootKey || n.fetch == byRange || n.fetch == byCursor
	}
	t.keyNotProvenUnique = strings.IndexByte("qvfm", t.root.rel.kind) >= 0 || t.root.rel.heirs
	for round := t.withoutMemory(t.root.include); len(round) > 0; {
		t.depths = append(t.depths, round)
		var next []*node
		for _, n := range round {
			next = append(next, t.withoutMemory(n.include)...)
		}
		round = next
	}
}

// setPrefixes puts what is the same for each row of n in one place, for the hot path.
func (n *node) setPrefixes() {
	for i := range n.fields {
		f := &n.fields[i]
		f.encode = n.cols[f.col].encode
		switch {
		case n.shape.Values != "":
			f.prefix = nil
		case i > 0:
			f.prefix = append([]byte{','}, f.name...)
		case n.object():
			f.prefix = append([]byte{'{'}, f.name...)
		default:
			f.prefix = f.name
		}
	}
}

// withoutMemory leaves out what is in memory, with all that is under it.
func (t *tree) withoutMemory(nodes []*node) []*node {
	var out []*node
	for _, n := range nodes {
		if n.fetch != fromMemory {
			out = append(out, n)
		}
	}
	return out
}

// blank is what a flattened include leaves in its parent where it finds no row.
func (n *node) blank() []byte {
	if n.parent == nil || !n.shape.Flatten {
		return nil
	}
	var b []byte
	for _, f := range n.fields {
		b = append(append(appendComma(b, f.name), f.name...), "null"...)
	}
	for _, child := range n.include {
		if child.shape.Flatten {
			b = append(appendComma(b, child.missing), child.missing...)
			continue
		}
		b = append(appendComma(b, child.prefix), child.prefix...)
		if child.shape.One {
			b = append(b, "null"...)
		} else {
			b = append(b, "[]"...)
		}
	}
	return b
}
