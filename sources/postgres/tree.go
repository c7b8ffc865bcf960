package postgres

import (
	"fmt"
	"slices"
	"strings"

	"humpty/sources/postgres/pgjson"
)

// tree is a Shape held against the catalog: what to select, and how to put it together.
type tree struct {
	root               *rootNode
	nodes              []*node   // by index, parents before children
	depths             [][]*node // what is fetched for a page, depth by depth
	types              *pgjson.Types
	keyNotProvenUnique bool // nothing in the catalog makes the root's key unique
	usesRootKey        bool // some include is read by the root's key: in its range, or by a cursor

	inRange, forKeys []statement // by node
}

// newTree derives what reading needs of nodes: the root's, and parents before children.
func newTree(root *rootNode, nodes []*node, types *pgjson.Types) *tree {
	t := &tree{root: root, nodes: nodes, types: types}
	t.finish()
	return t
}

func (t *tree) finish() {
	t.inRange, t.forKeys = make([]statement, len(t.nodes)), make([]statement, len(t.nodes))
	t.root.pages, t.root.byID = t.root.rootPages(), t.root.rootByID()
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

// notes says how each table is read.
func (t *tree) notes() []string {
	var notes []string
	for _, n := range t.nodes {
		if n.parent == nil {
			continue
		}
		how := "by the keys of each page's parents"
		switch n.fetch {
		case byRange:
			how = "in key order beside " + t.root.rel.label
		case fromMemory:
			how = fmt.Sprintf("once, and held in memory (about %d rows, %s)", n.rel.rows, n.rel.size())
		case byCursor:
			how = "by one sorted join for each partition, since no index finds its rows"
		}
		notes = append(notes, fmt.Sprintf("include %s: %s is read %s", n.path, n.rel.label, how))
	}
	return notes
}
