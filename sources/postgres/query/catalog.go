package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/problem"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// catalog looks up what a definition names, and says what may be meant where there is no
// such thing. It continues after a problem, to find all.
type catalog struct {
	ctx      context.Context // of one compile call
	db       *session.Session
	types    *pgjson.Types
	problems problem.List
	policies problem.List // warnings: where row-level security leaves rows out
	failed   error        // the server went away: no problem of the definition
}

// serverError takes an error of the server as a problem of the definition, anything else
// (and what no definition can cause) as the end of the compilation.
func (c *catalog) serverError(err error, place, remedy, what string, args ...any) {
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

// describe asks the server what a query gives. Where row-level security leaves rows out of it, the
// session is made to read what it leaves, and a warning says so.
func (c *catalog) describe(sql, place string) ([]pgconn.FieldDescription, error) {
	fields, err := c.db.Describe(c.ctx, sql)
	var policy *session.PolicyError
	if !errors.As(err, &policy) {
		return fields, err
	}
	if err := c.allowPolicies(place, policy.Role, policy.Err.Message); err != nil {
		return nil, err
	}
	return c.db.Describe(c.ctx, sql)
}

func (c *catalog) allowPolicies(place, role, what string) error {
	c.policies.Warn(place, "if all rows belong into the index: "+session.PolicyRemedy(role),
		"row-level security applies to user %s: rows it hides are not in the documents (%s)", role, what)
	return c.db.AllowPolicies(c.ctx)
}

// relation finds what stands behind from or query.
func (c *catalog) relation(n *Node) *Relation {
	if n.Shape.Query != "" {
		label := "the query"
		if n.Path != "" {
			label += " of " + n.Path
		}
		rel, err := c.describeQuery(label, n.Shape.Query, n.Shape.Place)
		if err != nil {
			c.serverError(err, n.Shape.Place, "", "%s cannot be used", label)
			return nil
		}
		return c.loadTypes(rel)
	}
	return c.table(n.Shape.From, n.Shape.Place)
}

func (c *catalog) table(name, place string) *Relation {
	rel, err := findTable(c.ctx, c.db, name)
	if isLockTimeout(err) {
		c.failed = lockedError(name, err)
		return nil
	}
	if err != nil {
		c.serverError(err, place, "", "table %s", name)
		return nil
	}
	if rel == nil {
		c.problems.Add(place, c.suggestTable(name), "there is no table %s in %s", name, c.db.Name)
		return nil
	}
	return c.loadTypes(rel)
}

// loadTypes loads the types of a relation's columns; nil if the server does not tell them.
func (c *catalog) loadTypes(rel *Relation) *Relation {
	var oids []uint32
	for _, col := range rel.columns {
		if !c.types.Has(col.Type) && !slices.Contains(oids, col.Type) {
			oids = append(oids, col.Type)
		}
	}
	if err := c.types.Load(c.ctx, c.db, oids); err != nil {
		c.failed = errors.Join(c.failed, err)
		return nil
	}
	return rel
}

func (c *catalog) suggestTable(name string) string {
	rows, err := c.db.Rows(c.ctx, tablesSQL)
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

// column looks a column up, or says which one may be meant.
func (c *catalog) column(rel *Relation, name, place string) *relColumn {
	col := rel.Column(unquoted(name))
	if col == nil {
		remedy := "its columns are " + strings.Join(rel.columnNames(), ", ")
		if near := nearest(name, rel.columnNames()); near != "" {
			remedy = "did you mean " + near + "?"
		}
		c.problems.Add(place, remedy, "there is no column %s in %s", name, rel.Label)
	}
	return col
}

func (c *catalog) checkTableAccess(rel *Relation, place string) {
	switch {
	case !rel.canUse:
		c.problems.Add(place, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", session.QuoteIdent(rel.schema), session.QuoteIdent(rel.role)),
			"user %s may not use schema %s", rel.role, rel.schema)
	case !rel.canRead && !slices.ContainsFunc(rel.columns, func(c relColumn) bool { return c.canRead }):
		c.problems.Add(place, fmt.Sprintf("GRANT SELECT ON %s TO %s;", rel.SQL, session.QuoteIdent(rel.role)),
			"user %s may not read table %s", rel.role, rel.Label)
	case rel.rowLevel:
		if err := c.allowPolicies(place, rel.role, "on "+rel.Label); err != nil {
			c.failed = errors.Join(c.failed, err)
		}
	case rel.Kind == 'v': // with security_invoker, what it reads is read by us
		if _, err := c.describe("select from "+rel.SQL+" limit 0", place); err != nil {
			c.serverError(err, place, "", "view %s cannot be read", rel.Label)
		}
	}
}
