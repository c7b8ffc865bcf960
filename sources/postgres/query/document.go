package query

import (
	"encoding/json"

	"humpty/internal/field"
)

// Document says what fields a document has.
func (t *Tree) Document() []field.Field { return t.fieldsOf(t.Root.Node) }

func (t *Tree) fieldsOf(n *Node) []field.Field {
	all := make([]field.Field, 0, len(n.Fields)+len(n.Include))
	for _, f := range n.Fields {
		one := t.value(n, f.Col)
		one.Name = fieldName(f.Name)
		all = append(all, one)
	}
	for _, child := range n.Include {
		switch {
		case child.Shape.Flatten:
			all = append(all, t.fieldsOf(child)...)
		case child.Shape.Values != "":
			one := field.Field{Kind: field.Any, Of: child.Relation.Label}
			if len(child.Fields) > 0 {
				one = t.value(child, child.Fields[0].Col)
			}
			one.Name = fieldName(child.Prefix)
			all = append(all, one)
		default:
			all = append(all, field.Field{
				Name: fieldName(child.Prefix), Kind: field.Object, Of: "the include of " + child.Relation.Label, Place: child.Shape.Place, Fields: t.fieldsOf(child),
			})
		}
	}
	return all
}

// value is what a selected column is in JSON.
func (t *Tree) value(n *Node, col int) field.Field {
	c := n.Cols[col]
	kind, name := t.Types.JSON(c.Type)
	return field.Field{Kind: kind, Of: c.Label + ", " + name, Place: n.Shape.Place}
}

// fieldName reads "name": back.
func fieldName(prefix []byte) string {
	var name string
	if len(prefix) == 0 || json.Unmarshal(prefix[:len(prefix)-1], &name) != nil {
		return ""
	}
	return name
}
