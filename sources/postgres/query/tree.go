package query

import (
	"fmt"
	"slices"
	"strings"

	"humpty/internal/problem"
	"humpty/sources/postgres/pgjson"
)

// Tree is a Shape held against the catalog: what to select, and how to put it together.
type Tree struct {
	Root               *RootNode
	Nodes              []*Node   // by index, parents before children
	Depths             [][]*Node // what is fetched for a page, depth by depth
	Types              *pgjson.Types
	KeyNotProvenUnique bool // nothing in the catalog makes the root's key unique
	UsesRootKey        bool // some include is read by the root's key: in its range, or by a cursor

	InRange, ForKeys []Statement // by node

	Policies problem.List // where row-level security leaves rows out of what is read, as warnings
}

// NewTree derives what reading needs of nodes: the root's, and parents before children.
func NewTree(root *RootNode, nodes []*Node, types *pgjson.Types) *Tree {
	t := &Tree{Root: root, Nodes: nodes, Types: types}
	t.finish()
	return t
}

func (t *Tree) finish() {
	t.InRange, t.ForKeys = make([]Statement, len(t.Nodes)), make([]Statement, len(t.Nodes))
	t.Root.Pages, t.Root.ByID = t.Root.rootPages(), t.Root.rootByID()
	for _, n := range slices.Backward(t.Nodes) { // children first
		n.Leaf = len(n.Include) == 0
		n.setPrefixes()
		n.Missing = n.blank()
		if n.Parent == nil || n.Fetch == FromMemory {
			continue
		}
		t.ForKeys[n.Index] = n.forKeys()
		if n.Fetch == ByRange {
			t.InRange[n.Index] = n.inRange()
		}
		t.UsesRootKey = t.UsesRootKey || n.Fetch == ByRange || n.Fetch == ByCursor
	}
	t.KeyNotProvenUnique = strings.IndexByte("qvfm", t.Root.Relation.Kind) >= 0 || t.Root.Relation.HasChildren
	for round := t.withoutMemory(t.Root.Include); len(round) > 0; {
		t.Depths = append(t.Depths, round)
		var next []*Node
		for _, n := range round {
			next = append(next, t.withoutMemory(n.Include)...)
		}
		round = next
	}
}

// withoutMemory leaves out what is in memory, with all that is under it.
func (t *Tree) withoutMemory(nodes []*Node) []*Node {
	var out []*Node
	for _, n := range nodes {
		if n.Fetch != FromMemory {
			out = append(out, n)
		}
	}
	return out
}

// Notes says how each table is read.
func (t *Tree) Notes() []string {
	var notes []string
	for _, n := range t.Nodes {
		if n.Parent == nil {
			continue
		}
		how := "by the keys of each page's parents"
		switch n.Fetch {
		case ByRange:
			how = "in key order beside " + t.Root.Relation.Label
		case FromMemory:
			how = fmt.Sprintf("once, and held in memory (about %d rows, %s)", n.Relation.Rows, n.Relation.Size())
		case ByCursor:
			how = "by one sorted join for each partition, since no index finds its rows"
		}
		notes = append(notes, fmt.Sprintf("include %s: %s is read %s", n.Path, n.Relation.Label, how))
	}
	return notes
}
