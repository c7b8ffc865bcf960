package cdc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// identitySQL is the columns of l's replica identity as the stream carries them: all of them for FULL,
// none for NOTHING, or where the index is gone or of a kind that is none; never a generated one.
const identitySQL = `coalesce((select string_agg(a.attname, chr(1)) from pg_catalog.pg_attribute a
    where a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and (l.relreplident = 'f' or a.attnum = any (
      select unnest(i.indkey::int2[]) from pg_catalog.pg_index i where i.indrelid = l.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null
        and case l.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end))), '')`

// leavesSQL lists a table, or its partitions that hold rows, with their identities.
const leavesSQL = `
select l.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.relname), l.relpersistence, ` + identitySQL + `, l.relkind,
  l.relreplident = 'd' and exists (select from pg_catalog.pg_index i where i.indrelid = l.oid and i.indisprimary and not i.indimmediate)
from pg_catalog.pg_class l join pg_catalog.pg_namespace n on n.oid = l.relnamespace
where l.relkind in ('r', 'f') and (l.oid = $1::oid or l.oid in (select relid from pg_catalog.pg_partition_tree($1::oid)))`

// identitiesSQL lists the identities of tables.
const identitiesSQL = "select coalesce(string_agg(l.oid || chr(2) || " + identitySQL + ", chr(3)), '') from pg_catalog.pg_class l where l.oid = any ($1::oid[])"

// publishedTable is a table that changes are captured of, with why.
type publishedTable struct {
	oid, sql     string
	dependencies []*query.Dependency
}

// publishedTables holds what is watched against what the stream will carry. All that is
// missing comes at once, with the statements to run. The root of a loose tree is no table
// of its own (see LookupShape).
func publishedTables(ctx context.Context, db *session.Session, t *query.Tree, loose bool) ([]publishedTable, error) {
	var problems problem.List
	var all []publishedTable
	if len(t.Root.Routing) > 0 {
		problems.Add(t.Root.Shape.Place, "leave routing out, or use consistency: snapshot",
			"with routing a deleted document cannot be found again: a change says only its id")
	}
	refusePolicies(t, &problems)
	unstable, err := query.UnstableExpressions(ctx, db, t, true)
	if err != nil {
		return nil, err
	}
	problems = append(problems, unstable...)
	for _, look := range []func(context.Context, *session.Session, *query.Tree, *problem.List) error{checkCasts, refuseNames} {
		if err := look(ctx, db, t, &problems); err != nil {
			return nil, err
		}
	}
	for _, w := range t.Dependencies() {
		rel := w.Relation()
		if loose && w.Node.Parent == nil {
			checkKeyTypes(t, &problems)
			continue
		}
		if rel.Kind != 'r' && rel.Kind != 'p' {
			problems.Add(w.Node.Shape.Place, "name the tables with from:, or use consistency: snapshot",
				"changes of %s cannot be captured: it is no table", rel.Label)
			continue
		}
		if rel.HasChildren {
			problems.Add(w.Node.Shape.Place, "name the tables one by one, or use consistency: snapshot",
				"changes of %s cannot be captured: other tables inherit from it, and theirs would not come with its own", rel.Label)
			continue
		}
		if refuseGenerated(w, &problems) {
			continue
		}
		leaves, err := db.Rows(ctx, leavesSQL, rel.OID)
		if err != nil {
			return nil, fmt.Errorf("look up the replica identity of %s: %w", rel.Label, err)
		}
		for _, leaf := range leaves {
			if !checkLeaf(w, leaf, &problems) {
				continue
			}
			at := slices.IndexFunc(all, func(c publishedTable) bool { return c.oid == leaf[0] })
			if at < 0 {
				at = len(all)
				all = append(all, publishedTable{oid: leaf[0], sql: leaf[1]})
			}
			all[at].dependencies = append(all[at].dependencies, w)
		}
	}
	return all, problems.Err()
}

// checkLeaf says what is wrong with a table, or a partition, as leavesSQL gives it.
func checkLeaf(w *query.Dependency, leaf []string, problems *problem.List) (ok bool) {
	table, place := leaf[1], w.Node.Shape.Place
	missing := without(w.Columns, strings.Split(leaf[3], "\x01"))
	remedy := func() string { return identityRemedy(table, w.Relation(), w.Columns) }
	switch {
	case leaf[4] == "f":
		problems.Add(place, "detach it, or use consistency: snapshot", "changes of %s cannot be captured: its partition %s is a foreign table", w.Relation().Label, table)
	case leaf[2] == "u":
		problems.Add(place, "ALTER TABLE "+table+" SET LOGGED;", "table %s is unlogged: its changes are not in the log, so they cannot be captured", table)
	case len(missing) > 0 && leaf[5] == "t":
		problems.Add(place, remedy(), "the primary key of %s is deferrable, which no replica identity can be: to publish the table would make the application's updates and deletes fail", table)
	case len(missing) > 0:
		problems.Add(place, remedy(), "%s", identityLoss(table, leaf[3] == "", missing))
	default:
		return true
	}
	return false
}

// refusePolicies refuses row-level security: which rows it hides depends on more than the rows.
func refusePolicies(t *query.Tree, problems *problem.List) {
	for _, p := range t.Policies {
		problems.Add(p.Place, p.Remedy+"; or use consistency: snapshot", "%s, and what a policy shows or hides later is not in the stream of changes", p.What)
	}
}

// refuseGenerated refuses watched columns that the server generates: neither their new values nor
// their old ones are in the stream. Elsewhere than in the watched columns they do no harm: the
// row is marked by those, and read again.
func refuseGenerated(w *query.Dependency, problems *problem.List) (refused bool) {
	rel := w.Relation()
	for _, name := range w.Columns {
		c := rel.Column(name)
		if c == nil || !c.Generated {
			continue
		}
		refused = true
		from, remedy := "from other columns", "use a column that is not generated"
		if len(c.GeneratedFrom) > 0 {
			list := strings.Join(c.GeneratedFrom, ", ")
			from, remedy = "from "+list, "use "+list
		}
		problems.Add(w.Node.Shape.Place, remedy+" as the key or join column, or use consistency: snapshot",
			"column %s of %s is generated (%s), and the stream of changes leaves it out: a change would not say which document it belongs to", name, rel.Label, from)
	}
	return refused
}

// checkCasts refuses types of extensions whose cast to text, by which ids are read, is a
// function of their own: the stream writes their values another way.
func checkCasts(ctx context.Context, db *session.Session, t *query.Tree, problems *problem.List) error {
	for _, k := range t.Root.ID {
		if k.Type < firstOwnType {
			continue
		}
		rows, err := db.Rows(ctx, `select 1 from pg_catalog.pg_cast where castsource = $1::oid and casttarget = 'pg_catalog.text'::pg_catalog.regtype and castmethod = 'f'`,
			strconv.FormatUint(uint64(k.Type), 10))
		if err != nil {
			return fmt.Errorf("look up the casts of %s: %w", k.Cast, err)
		}
		if len(rows) > 0 {
			problems.Add(t.Root.Shape.Place, "take another column for id, or use consistency: snapshot",
				"column %s of the id is of type %s, which is cast to text by a function: a change says its value in another form", k.Name, k.Cast)
		}
	}
	return nil
}

// firstOwnType is the first oid that the server gives away: types below are built in.
const firstOwnType = 16384

// checkKeyTypes wants the keys of a loose tree to be of types whose equal values can be told by
// their texts: what is looked up comes from elsewhere, and a change says only its own.
func checkKeyTypes(t *query.Tree, problems *problem.List) {
	for _, k := range t.Root.ID {
		switch t.Types.Base(k.Type).OID {
		case pgjson.OIDBool, pgjson.OIDName, pgjson.OIDInt8, pgjson.OIDInt2, pgjson.OIDInt4, pgjson.OIDText, pgjson.OIDOID, pgjson.OIDFloat4, pgjson.OIDFloat8, pgjson.OIDBpchar, pgjson.OIDVarchar, pgjson.OIDNumeric, pgjson.OIDUUID:
		default:
			problems.Add(t.Root.Shape.Place, "join by a number, a text, a uuid or a boolean, or use consistency: snapshot",
				"column %s is of type %s: which documents a change of it concerns cannot be told by its text", k.Name, t.Types.Base(k.Type).Name)
		}
	}
}

// checkIdentities holds the identities that the tables have now, as identitiesSQL gives them, against
// what is watched: any that holds it is as good as the one at the start.
func checkIdentities(now string, tables []publishedTable) error {
	identities := map[string][]string{}
	for _, line := range strings.Split(now, "\x03") {
		oid, columns, _ := strings.Cut(line, "\x02")
		identities[oid] = strings.Split(columns, "\x01")
	}
	for _, t := range tables {
		for _, w := range t.dependencies {
			if missing := without(w.Columns, identities[t.oid]); len(missing) > 0 {
				return identityGap(t.sql, missing)
			}
		}
	}
	return nil
}

func identityGap(table string, missing []string) error {
	return &sources.ErrChangesLost{
		Why: fmt.Sprintf("the replica identity of %s was changed during the run, and does not hold %s: the stream does not say which document a row belonged to before it moved or was deleted",
			table, strings.Join(missing, ", ")),
		Remedy: incomplete,
	}
}

func without(wanted, have []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(c string) bool { return slices.Contains(have, c) })
}

func identityLoss(table string, none bool, missing []string) string {
	if none {
		return "table " + table + " has no replica identity: to publish it would make the application's updates and deletes fail"
	}
	return fmt.Sprintf("the replica identity of %s does not hold %s: when a row moves or is deleted, the stream would not say which document it belonged to",
		table, strings.Join(missing, ", "))
}

// identityRemedy prefers an index over the foreign key and the primary key, which costs
// little; FULL writes whole rows to the log.
func identityRemedy(table string, rel *query.Relation, columns []string) string {
	full := "ALTER TABLE " + table + " REPLICA IDENTITY FULL;"
	key := rel.PrimaryKey()
	if key == nil {
		return full
	}
	all := append(slices.Clone(columns), without(key, columns)...)
	for _, name := range all {
		if c := rel.Column(name); c == nil || !c.NotNull {
			return full + "\n(an index would be cheaper, but its columns must be NOT NULL)"
		}
	}
	index := rel.Name + "_humpty_identity"
	return "CREATE UNIQUE INDEX CONCURRENTLY " + session.QuoteIdent(index) + " ON " + table + " (" + session.QuoteIdents(all) + ");\n" +
		"ALTER TABLE " + table + " REPLICA IDENTITY USING INDEX " + session.QuoteIdent(index) + ";"
}
