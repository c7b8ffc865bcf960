package query

import "humpty/sources"

// Dependency is why a table is captured: a change of its row touches the documents that the
// values of these columns lead to.
type Dependency struct {
	Root    *RootNode
	Node    *Node
	through bool     // the table is the join table of the node's include
	Columns []string // root: the id; include: its side of the condition
}

// throughSuffix is behind the node's path where its join table is meant.
const throughSuffix = "#through"

// Path names the table in a mark: the include's path, with a suffix for its join table.
func (d *Dependency) Path() string {
	if d.through {
		return d.Node.Path + throughSuffix
	}
	return d.Node.Path
}

// Relation is the table.
func (d *Dependency) Relation() *Relation {
	if d.through {
		return d.Node.through
	}
	return d.Node.Relation
}

// Dependencies lists what has to be captured for a tree.
func (t *Tree) Dependencies() []*Dependency {
	var all []*Dependency
	for _, n := range t.Nodes {
		w := &Dependency{Root: t.Root, Node: n}
		switch {
		case n.Parent == nil:
			for _, k := range t.Root.ID {
				w.Columns = append(w.Columns, k.Name)
			}
		case n.through != nil:
			for _, j := range n.throughPairs {
				w.Columns = append(w.Columns, j.child)
			}
			all = append(all, &Dependency{Root: t.Root, Node: n, through: true, Columns: childColumns(n.ParentPairs)})
		default:
			w.Columns = childColumns(n.ParentPairs)
		}
		all = append(all, w)
	}
	return all
}

func childColumns(joins []JoinPair) []string {
	names := make([]string, len(joins))
	for i, j := range joins {
		names[i] = j.child
	}
	return names
}

// MarkOf reads the watched values of a row; ok is false where one is NULL or not there.
func (d *Dependency) MarkOf(value func(column string) (text string, ok bool)) (sources.DirtyKey, bool) {
	texts := make([]string, len(d.Columns))
	for i, name := range d.Columns {
		text, ok := value(name)
		if !ok {
			return sources.DirtyKey{}, false
		}
		texts[i] = text
	}
	if d.Node.Parent != nil {
		return sources.DirtyKey{Node: d.Path(), Key: FormatKey(texts)}, true
	}
	return sources.DirtyKey{Key: string(d.Root.DocumentID(texts))}, true
}
