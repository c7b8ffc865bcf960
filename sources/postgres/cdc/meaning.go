package cdc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// meaning is what the values of the captured tables depend on besides the rows and the tables: the
// stream says nothing when it is altered, and no row is in it.
type meaning struct {
	names  string // fingerprint of the schemas' names, the collations and the composite types; "": not known
	labels string // of enums
}

// meaningSQL follows the types of the columns into arrays, domains, ranges and composite types. Labels
// are told one by one, since one more is in no row that was read.
const meaningSQL = `
with recursive types(oid) as (
  select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = any ($1::oid[]) and a.attnum > 0 and not a.attisdropped
  union
  select part.oid from types join pg_catalog.pg_type t on t.oid = types.oid cross join lateral (
    select t.typelem as oid union all select t.typbasetype
    union all select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    union all select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid or (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid) part
  where part.oid <> 0)
select pg_catalog.md5(
  coalesce((select pg_catalog.string_agg(c.oid || ' ' || n.nspname, ',' order by c.oid)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = any ($1::oid[])), '') || ';' ||
  coalesce((select pg_catalog.string_agg(a.attrelid || ' ' || a.attnum || ' ' || a.attcollation, ',' order by a.attrelid, a.attnum)
    from pg_catalog.pg_attribute a where a.attrelid = any ($1::oid[]) and a.attcollation <> 0 and a.attnum > 0 and not a.attisdropped), '') || ';' ||
  coalesce((select pg_catalog.string_agg(t.oid || ' ' || a.attnum || ' ' || a.attname || ' ' || a.atttypid || ' ' || a.atttypmod, ',' order by t.oid, a.attnum)
    from types join pg_catalog.pg_type t on t.oid = types.oid join pg_catalog.pg_attribute a on a.attrelid = t.typrelid
    where t.typtype = 'c' and a.attnum > 0 and not a.attisdropped), '')),
  coalesce((select pg_catalog.string_agg(e.oid || ' ' || e.enumlabel, chr(1) order by e.oid)
    from types join pg_catalog.pg_enum e on e.enumtypid = types.oid), '')`

func findMeaning(ctx context.Context, db *session.Session, t *query.Tree) (meaning, error) {
	rows, err := db.Rows(ctx, meaningSQL, tableOIDs(t))
	if err != nil {
		return meaning{}, fmt.Errorf("look at the types of the captured tables: %w", err)
	}
	return meaning{names: rows[0][0], labels: rows[0][1]}, nil
}

// check holds what was known against what is so now.
func (m meaning) check(was meaning) error {
	if was.names != "" && was.names != m.names {
		return &sources.ErrChangesLost{Why: "the schema of a captured table was renamed, or a composite type or a collation that its columns have was altered: rows that it concerns are not in the stream of changes", Remedy: incomplete}
	}
	now := strings.Split(m.labels, "\x01")
	for _, old := range strings.Split(was.labels, "\x01") {
		if old != "" && !slices.Contains(now, old) {
			_, label, _ := strings.Cut(old, " ")
			return &sources.ErrChangesLost{Why: fmt.Sprintf("value %q of an enum was renamed: rows that have it are not in the stream of changes", label), Remedy: incomplete}
		}
	}
	return nil
}

// namingSQL gives those of some types whose values are the names of objects of the database, or
// hold such: a type of its own, in an array, a domain, a range or a composite type. Roles stand in
// access lists.
const namingSQL = `
with recursive types(asked, oid) as (
  select oid, oid from pg_catalog.unnest($1::oid[]) oid
  union
  select types.asked, part.oid from types join pg_catalog.pg_type t on t.oid = types.oid cross join lateral (
    select t.typelem as oid union all select t.typbasetype
    union all select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    union all select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid) part
  where part.oid <> 0)
select distinct types.asked, pg_catalog.format_type(types.asked, null) from types join pg_catalog.pg_type t on t.oid = types.oid
where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and t.typname = any ('{regclass,regcollation,regconfig,regdictionary,regnamespace,regoper,regoperator,regproc,regprocedure,regrole,regtype,aclitem}')`

// refuseNames refuses values that are shown as names of objects: to rename the object changes the
// documents, and no row.
func refuseNames(ctx context.Context, db *session.Session, t *query.Tree, problems *problem.List) error {
	var types []string
	for _, n := range t.Nodes {
		for _, c := range n.Cols {
			types = append(types, strconv.FormatUint(uint64(c.Type), 10))
		}
	}
	rows, err := db.Rows(ctx, namingSQL, "{"+strings.Join(types, ",")+"}")
	if err != nil {
		return fmt.Errorf("look up the types of the columns: %w", err)
	}
	for _, n := range t.Nodes {
		for _, c := range n.Cols {
			at := slices.IndexFunc(rows, func(row []string) bool { return row[0] == strconv.FormatUint(uint64(c.Type), 10) })
			if at >= 0 {
				problems.Add(n.Shape.Place, "leave it out, have its number (a cast to oid) or its text in a column of its own, or use consistency: snapshot",
					"%s is of type %s, whose values are shown as names of tables, roles or the like: when one is renamed the documents change, and no row does", c.Label, rows[at][1])
			}
		}
	}
	return nil
}
