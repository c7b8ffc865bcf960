package postgres

import (
	"slices"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
)

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

	link

	named []namedColumn // what else the body of a root names
}

// link is how the rows of an include find their parent.
type link struct {
	through      *relation
	parentPairs  []joinPair // parent to child, or to the join table
	throughPairs []joinPair // join table to child
}

// namedColumn is an expression and what it is called: k0 or i0.
type namedColumn struct{ name, sql string }

// column is one selected expression.
type column struct {
	sql    string
	label  string // for messages
	encode pgjson.Encoder
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

	prefix []byte         // all that stands before the value, from the brace or comma on
	encode pgjson.Encoder // of its column
}

// joinPair is one pair of an include's condition.
type joinPair struct {
	child  string // column of the child, or in a head with a join table of that
	parent string // column of the parent, or in a tail of the join table
	col    int    // the parent's selected column that holds the value, in a head
	cast   string // type of the parent's value
	nested bool   // that type has no plain array of its own
	text   pgjson.Texter
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

// blank is what a flattened include leaves in its parent where it finds no row.
func (n *node) blank() []byte {
	if n.parent == nil || !n.shape.Flatten {
		return nil
	}
	var b []byte
	for _, f := range n.fields {
		b = append(append(pgjson.AppendComma(b, f.name), f.name...), "null"...)
	}
	for _, child := range n.include {
		if child.shape.Flatten {
			b = append(pgjson.AppendComma(b, child.missing), child.missing...)
			continue
		}
		b = append(pgjson.AppendComma(b, child.prefix), child.prefix...)
		if child.shape.One {
			b = append(b, "null"...)
		} else {
			b = append(b, "[]"...)
		}
	}
	return b
}

// object reports whether the node's rows are objects of their own.
func (n *node) object() bool { return !n.shape.Flatten && n.shape.Values == "" }
