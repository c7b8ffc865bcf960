package postgres

import "humpty/sources"

// dependency is why a table is captured: a change of its row touches the documents that the
// values of these columns lead to.
type dependency struct {
	root    *rootNode
	node    *node
	through bool     // the table is the join table of the node's include
	columns []string // root: the id; include: its side of the condition
}

// mark paths: the node's path, and behind this suffix its join table.
const throughSuffix = "#through"

func (w *dependency) path() string {
	if w.through {
		return w.node.path + throughSuffix
	}
	return w.node.path
}

func (w *dependency) relation() *relation {
	if w.through {
		return w.node.through
	}
	return w.node.rel
}

// dependencies lists what has to be captured for a tree.
func (t *tree) dependencies() []*dependency {
	var all []*dependency
	for _, n := range t.nodes {
		w := &dependency{root: t.root, node: n}
		switch {
		case n.parent == nil:
			for _, k := range t.root.id {
				w.columns = append(w.columns, k.name)
			}
		case n.through != nil:
			for _, j := range n.throughPairs {
				w.columns = append(w.columns, j.child)
			}
			all = append(all, &dependency{root: t.root, node: n, through: true, columns: childColumns(n.parentPairs)})
		default:
			w.columns = childColumns(n.parentPairs)
		}
		all = append(all, w)
	}
	return all
}

func childColumns(joins []joinPair) []string {
	names := make([]string, len(joins))
	for i, j := range joins {
		names[i] = j.child
	}
	return names
}

// markOf reads the watched values of a row; ok is false where one is NULL or not there.
func (w *dependency) markOf(value func(column string) (text string, ok bool)) (sources.DirtyKey, bool) {
	texts := make([]string, len(w.columns))
	for i, name := range w.columns {
		text, ok := value(name)
		if !ok {
			return sources.DirtyKey{}, false
		}
		texts[i] = text
	}
	if w.node.parent != nil {
		return sources.DirtyKey{Node: w.path(), Key: formatPosition(texts)}, true
	}
	return sources.DirtyKey{Key: string(w.root.documentID(texts))}, true
}
