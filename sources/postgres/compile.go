package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/problem"
	"humpty/sources"
)

// compiler holds a Shape against the catalog. It goes on after a problem, to find all.
type compiler struct {
	ctx      context.Context // of one compile call
	db       *session
	config   *Config
	problems problem.List
	tree     *tree
	memory   int64 // left for tables held in memory
	failed   error // the server went away: no problem of the definition
}

// compile returns the tree, with warnings; or all that is wrong as a problem.List.
func compile(ctx context.Context, db *session, config *Config) (*tree, problem.List, error) {
	c := &compiler{
		ctx: ctx, db: db, config: config, memory: config.Memory,
		tree: &tree{types: &types{byOID: map[uint32]*Type{}, nulls: config.NotFinite == Null}},
	}
	root := c.node(&config.Shape, nil)
	if c.failed != nil {
		return nil, nil, fmt.Errorf("%s: read the catalog: %w", db.name, c.failed)
	}
	if err := c.problems.Err(); err != nil {
		return nil, nil, err
	}
	c.tree.root = root
	if config.live {
		c.tree.guard = c.tree.typeGuard()
	}
	c.tree.finish()
	if config.Loose && len(root.include) == 1 && root.include[0].rel.indexed(unquotedAll(root.shape.ID)) {
		c.tree.byID = root.eachByID()
	}
	return c.tree, c.problems.Warnings(), nil
}

// serverError takes an error of the server as a problem of the definition, anything else
// (and what no definition can cause) as the end of the compilation.
func (c *compiler) serverError(err error, place, remedy, what string, args ...any) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || strings.HasPrefix(pg.Code, "57") || strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "25") {
		c.failed = errors.Join(c.failed, err)
		return
	}
	if remedy == "" {
		remedy = pg.Hint
	}
	c.problems.Add(place, remedy, "%s: %s", fmt.Sprintf(what, args...), pg.Message)
}

func (c *compiler) node(shape *sources.Shape, parent *node) *node {
	if c.failed != nil {
		return nil
	}
	n := &node{index: len(c.tree.nodes), shape: shape, parent: parent, prefix: fieldName(shape.Name)}
	if parent != nil {
		n.path = strings.TrimPrefix(parent.path+"."+shape.Name, ".")
	}
	if n.rel = c.relation(n); n.rel == nil {
		return nil
	}
	c.tree.nodes = append(c.tree.nodes, n)
	c.checkForm(n)
	c.addFields(n)
	c.checkWhere(n)
	if parent == nil {
		c.rootKey(n)
	}
	c.orderBy(n)
	for i := range shape.Include {
		if child := c.node(&shape.Include[i], n); child != nil {
			n.include = append(n.include, child)
			c.link(child)
		}
	}
	c.checkAccess(n)
	if parent == nil {
		c.checkFieldNames(n, map[string]string{})
	}
	return n
}

// relation finds what stands behind from or query.
func (c *compiler) relation(n *node) *relation {
	if n.shape.Query != "" {
		label := "the query"
		if n.path != "" {
			label += " of " + n.path
		}
		rel, err := c.db.query(c.ctx, label, n.shape.Query)
		if err != nil {
			c.serverError(err, n.shape.Place, "", "%s cannot be used", label)
			return nil
		}
		return c.loadTypes(rel)
	}
	return c.table(n.shape.From, n.shape.Place)
}

func (c *compiler) table(name, place string) *relation {
	rel, err := c.db.table(c.ctx, name)
	if isLockTimeout(err) {
		c.failed = lockedError(name, err)
		return nil
	}
	if err != nil {
		c.serverError(err, place, "", "table %s", name)
		return nil
	}
	if rel == nil {
		c.problems.Add(place, c.suggestTable(name), "there is no table %s in %s", name, c.db.name)
		return nil
	}
	return c.loadTypes(rel)
}

// loadTypes loads the types of a relation's columns; nil if the server does not tell them.
func (c *compiler) loadTypes(rel *relation) *relation {
	var oids []uint32
	for _, col := range rel.columns {
		if c.tree.types.byOID[col.typ] == nil && !slices.Contains(oids, col.typ) {
			oids = append(oids, col.typ)
		}
	}
	if err := c.tree.types.load(c.ctx, c.db, oids); err != nil {
		c.failed = errors.Join(c.failed, err)
		return nil
	}
	return rel
}

func (c *compiler) suggestTable(name string) string {
	rows, err := c.db.rows(c.ctx, tablesSQL)
	if err != nil {
		return ""
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r[0]
	}
	near := nearest(name, names)
	if _, bare, ok := strings.Cut(name, "."); ok && near == "" {
		near = nearest(bare, names)
	}
	if near != "" {
		return "did you mean " + near + "?"
	}
	return "write it as schema.table, exactly as the database spells it"
}

// checkForm checks what a node says about itself.
func (c *compiler) checkForm(n *node) {
	s := n.shape
	if n.parent == nil {
		return
	}
	switch {
	case s.One == s.Many:
		c.problems.Add(s.Place, "write one: true or many: true", "include %s must be either one or many", n.path)
	case s.Flatten && !s.One:
		c.problems.Add(s.Place, "remove flatten, or write one: true", "include %s: only a one can be flattened", n.path)
	case s.Values != "" && !s.Many:
		c.problems.Add(s.Place, "write many: true", "include %s: values make an array, so it is a many", n.path)
	case s.Values != "" && len(s.Include) > 0:
		c.problems.Add(s.Place, "write columns in place of values", "include %s: values cannot hold further includes", n.path)
	}
	if len(s.On) == 0 {
		c.problems.Add(s.Place, "add on: {column of "+n.rel.label+": column of its parent}", "include %s has no on", n.path)
	}
}

// column looks a column up, or says which one may be meant.
func (c *compiler) column(rel *relation, name, place string) *relColumn {
	col := rel.column(unquoted(name))
	if col == nil {
		remedy := "its columns are " + strings.Join(rel.columnNames(), ", ")
		if near := nearest(name, rel.columnNames()); near != "" {
			remedy = "did you mean " + near + "?"
		}
		c.problems.Add(place, remedy, "there is no column %s in %s", name, rel.label)
	}
	return col
}

// checkAccess says which rights are missing, and what row security hides.
func (c *compiler) checkAccess(n *node) {
	c.checkTableAccess(n.rel, n.shape.Place)
}

func (c *compiler) checkTableAccess(rel *relation, place string) {
	switch {
	case !rel.canUse:
		c.problems.Add(place, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", quoteIdent(rel.schema), quoteIdent(rel.role)),
			"user %s may not use schema %s", rel.role, rel.schema)
	case !rel.canRead && !slices.ContainsFunc(rel.columns, func(c relColumn) bool { return c.canRead }):
		c.problems.Add(place, fmt.Sprintf("GRANT SELECT ON %s TO %s;", rel.sql, quoteIdent(rel.role)),
			"user %s may not read table %s", rel.role, rel.label)
	case rel.rowLevel:
		c.problems.Warn(place, "if all rows belong into the index, read as a role with BYPASSRLS",
			"row-level security applies to user %s on %s: rows it hides are not in the documents", rel.role, rel.label)
	}
}
