package query

import (
	"slices"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
)

// Node is one table of the tree.
type Node struct {
	Index    int
	Path     string // lines.product, for messages; empty for the root
	Shape    *sources.Shape
	Relation *Relation
	Parent   *Node
	Include  []*Node

	Cols   []Column // what is selected, in this order
	Fields []Field
	order  []sortTerm // of a many: total

	Fetch   FetchStrategy
	Prefix  []byte // "name": of the field in the parent
	Missing []byte // what stands there without a row
	Leaf    bool

	Link

	named []namedColumn // what else the body of a root names
}

// Link is how the rows of an include find their parent.
type Link struct {
	through      *Relation
	ParentPairs  []JoinPair // parent to child, or to the join table
	throughPairs []JoinPair // join table to child
}

// namedColumn is an expression and what it is called: k0 or i0.
type namedColumn struct{ name, sql string }

// Column is one selected expression.
type Column struct {
	SQL    string
	Label  string // for messages
	Encode pgjson.Encoder
	Type   uint32 // before to_json or ::text
	result uint32 // as the server describes it, once known
}

// sortTerm is one term of an ORDER BY.
type sortTerm struct {
	sql  string
	desc bool
}

// Field is one field of the document.
type Field struct {
	Name []byte // "name":
	Col  int

	Prefix []byte         // all that stands before the value, from the brace or comma on
	Encode pgjson.Encoder // of its column
}

// JoinPair is one pair of an include's condition.
type JoinPair struct {
	child  string // column of the child, or in a head with a join table of that
	parent string // column of the parent, or in a tail of the join table
	Col    int    // the parent's selected column that holds the value, in a head
	Cast   string // type of the parent's value
	nested bool   // that type has no plain array of its own
	Text   pgjson.Texter
	exact  bool // equal values have equal bytes once the child's is cast to the parent's type
	sorted bool // both sides sort alike
}

// FetchStrategy is how the rows of an include are found.
type FetchStrategy uint8

// The strategies.
const (
	ByRange    FetchStrategy = iota // in the root's key range, in key order
	ByKeys                          // by the values the page's parents have
	FromMemory                      // in a table held in memory
	ByCursor                        // by one cursor over a join from the root down: no index to use
)

// add selects an expression once and returns its column.
func (n *Node) add(c Column) int {
	if i := slices.IndexFunc(n.Cols, func(o Column) bool { return o.SQL == c.SQL }); i >= 0 {
		if n.Cols[i].Encode == nil {
			n.Cols[i].Encode = c.Encode
		}
		return i
	}
	n.Cols = append(n.Cols, c)
	return len(n.Cols) - 1
}

// setPrefixes puts what is the same for each row of n in one place, for the hot path.
func (n *Node) setPrefixes() {
	for i := range n.Fields {
		f := &n.Fields[i]
		f.Encode = n.Cols[f.Col].Encode
		switch {
		case n.Shape.Values != "":
			f.Prefix = nil
		case i > 0:
			f.Prefix = append([]byte{','}, f.Name...)
		case n.Object():
			f.Prefix = append([]byte{'{'}, f.Name...)
		default:
			f.Prefix = f.Name
		}
	}
}

// blank is what a flattened include leaves in its parent where it finds no row.
func (n *Node) blank() []byte {
	if n.Parent == nil || !n.Shape.Flatten {
		return nil
	}
	var b []byte
	for _, f := range n.Fields {
		b = append(append(pgjson.AppendComma(b, f.Name), f.Name...), "null"...)
	}
	for _, child := range n.Include {
		if child.Shape.Flatten {
			b = append(pgjson.AppendComma(b, child.Missing), child.Missing...)
			continue
		}
		b = append(pgjson.AppendComma(b, child.Prefix), child.Prefix...)
		if child.Shape.One {
			b = append(b, "null"...)
		} else {
			b = append(b, "[]"...)
		}
	}
	return b
}

// Object reports whether the node's rows are objects of their own.
func (n *Node) Object() bool { return !n.Shape.Flatten && n.Shape.Values == "" }
