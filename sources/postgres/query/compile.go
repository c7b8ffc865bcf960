package query

import (
	"context"
	"fmt"
	"strings"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// compiler holds a Shape against the catalog.
type compiler struct {
	catalog
	root   *RootNode
	nodes  []*Node
	memory int64 // left for tables held in memory
}

// Options say what to compile.
type Options struct {
	Shape         sources.Shape
	LooseKeys     bool  // keys that are looked up find what PostgreSQL takes for equal
	NullNotFinite bool  // NaN and Infinity become null
	Memory        int64 // bytes for small tables of `one` includes, all together
}

// Compile returns the tree, with warnings; or all that is wrong as a problem.List.
func Compile(ctx context.Context, db *session.Session, o Options) (*Tree, problem.List, error) {
	c := &compiler{catalog: catalog{ctx: ctx, db: db, types: pgjson.NewTypes(o.NullNotFinite)}, memory: o.Memory}
	c.node(&o.Shape, nil)
	if c.failed != nil {
		return nil, nil, fmt.Errorf("%s: read the catalog: %w", db.Name, c.failed)
	}
	if err := c.problems.Err(); err != nil {
		return nil, nil, err
	}
	t := NewTree(c.root, c.nodes, c.types)
	t.Policies = c.policies
	if root := c.root; o.LooseKeys && len(root.Include) == 1 && root.Include[0].Relation.Indexed(unquotedAll(root.Shape.ID)) {
		c.root.ByID = root.eachByID()
	}
	return t, append(c.problems.Warnings(), c.policies...), nil
}

func (c *compiler) node(shape *sources.Shape, parent *Node) *Node {
	if c.failed != nil {
		return nil
	}
	n := &Node{Index: len(c.nodes), Shape: shape, Parent: parent, Prefix: pgjson.FieldName(shape.Name)}
	if parent != nil {
		n.Path = strings.TrimPrefix(parent.Path+"."+shape.Name, ".")
	}
	if n.Relation = c.relation(n); n.Relation == nil {
		return nil
	}
	c.nodes = append(c.nodes, n)
	c.checkForm(n)
	c.addFields(n)
	c.checkWhere(n)
	if parent == nil {
		c.root = &RootNode{Node: n, Version: -1}
		c.rootKey(c.root)
	}
	c.orderBy(n)
	for i := range shape.Include {
		if child := c.node(&shape.Include[i], n); child != nil {
			n.Include = append(n.Include, child)
			(&linker{compiler: c, n: child}).link()
		}
	}
	c.checkAccess(n)
	if parent == nil {
		c.checkFieldNames(n, map[string]string{})
	}
	return n
}

// checkForm checks what a node says about itself.
func (c *compiler) checkForm(n *Node) {
	s := n.Shape
	if n.Parent == nil {
		return
	}
	switch {
	case s.One == s.Many:
		c.problems.Add(s.Place, "write one: true or many: true", "include %s must be either one or many", n.Path)
	case s.Flatten && !s.One:
		c.problems.Add(s.Place, "remove flatten, or write one: true", "include %s: only a one can be flattened", n.Path)
	case s.Values != "" && !s.Many:
		c.problems.Add(s.Place, "write many: true", "include %s: values make an array, so it is a many", n.Path)
	case s.Values != "" && len(s.Include) > 0:
		c.problems.Add(s.Place, "write columns in place of values", "include %s: values cannot hold further includes", n.Path)
	}
	if len(s.On) == 0 {
		c.problems.Add(s.Place, "add on: {column of "+n.Relation.Label+": column of its parent}", "include %s has no on", n.Path)
	}
}

// checkAccess says which rights are missing, and what row security hides.
func (c *compiler) checkAccess(n *Node) {
	c.checkTableAccess(n.Relation, n.Shape.Place)
}
