package postgres

import (
	"encoding/json"

	"humpty/internal/field"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
)

// documentOf says what fields the documents of a tree have.
func documentOf(t *query.Tree) []field.Field { return fieldsOf(t.Types, t.Root.Node) }

func fieldsOf(types *pgjson.Types, n *query.Node) []field.Field {
	all := make([]field.Field, 0, len(n.Fields)+len(n.Include))
	for _, f := range n.Fields {
		one := valueOf(types, n, f.Col)
		one.Name = fieldName(f.Name)
		all = append(all, one)
	}
	for _, child := range n.Include {
		switch {
		case child.Shape.Flatten:
			all = append(all, fieldsOf(types, child)...)
		case child.Shape.Values != "":
			one := field.Field{Kind: field.Any, Of: child.Relation.Label}
			if len(child.Fields) > 0 {
				one = valueOf(types, child, child.Fields[0].Col)
			}
			one.Name = fieldName(child.Prefix)
			all = append(all, one)
		default:
			all = append(all, field.Field{
				Name: fieldName(child.Prefix), Kind: field.Object, Of: "the include of " + child.Relation.Label, Place: child.Shape.Place, Fields: fieldsOf(types, child),
			})
		}
	}
	return all
}

// valueOf is what a selected column is in JSON.
func valueOf(types *pgjson.Types, n *query.Node, col int) field.Field {
	c := n.Cols[col]
	kind, name := types.JSON(c.Type)
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
