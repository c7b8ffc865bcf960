package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/problem"
	"humpty/sources/postgres/session"
)

// A document is read again when a row of it changes. What an expression or a filter reads besides
// its row, other rows or the clock, changes without that. The server says what it reads: it
// plans the expression as a temporary view, which is rolled back, and whose rewrite rule
// is the tree of it with all functions and relations resolved.

// fragment is a piece of SQL of the definition.
type fragment struct {
	place, what string
	from        *Relation
	sql         string // a SELECT
	text        string // as it is written
}

func fragments(t *Tree) []fragment {
	var all []fragment
	where := func(place, what string, rel *Relation, text string) {
		if text != "" {
			all = append(all, fragment{place, what, rel, "select 1 as c from " + rel.SQL + " where (" + text + "\n)", text})
		}
	}
	for _, n := range t.Nodes {
		of := "the document"
		if n.Path != "" {
			of = "include " + n.Path
		}
		if n.Shape.Query != "" {
			all = append(all, fragment{n.Shape.Place, "the query of " + of, n.Relation, "select 1 as c from " + n.Relation.SQL, n.Shape.Query})
		}
		for _, c := range n.Shape.Columns {
			if !c.Plain && c.Expr != "*" {
				// pg_typeof, since no column of a view can be a record.
				all = append(all, fragment{c.Place, "expression " + c.Field, n.Relation, "select pg_catalog.pg_typeof((" + c.Expr + "\n)) as c from " + n.Relation.SQL, c.Expr})
			}
		}
		where(n.Shape.Place, "where of "+of, n.Relation, n.Shape.Where)
		if through := n.Shape.Through; through != nil {
			where(through.Place, "where of through "+through.From, n.through, through.Where)
		}
	}
	return all
}

// UnstableExpressions finds expressions and filters that read more than their row: as errors where
// changes are captured, which do not tell of that; otherwise as warnings, since a document
// has it as of the time of reading.
func UnstableExpressions(ctx context.Context, db *session.Session, t *Tree, captured bool) (problem.List, error) {
	found, err := unstable(ctx, db, t)
	if captured {
		return found.Errors(), err
	}
	var warnings problem.List
	for _, p := range found {
		if p.Warning || !strings.Contains(p.What, cannotTell) { // what cannot be told is of no concern to a snapshot
			p.Warning = true
			warnings = append(warnings, p)
		}
	}
	return warnings, err
}

const cannotTell = "what it reads besides its row cannot be told"

func unstable(ctx context.Context, db *session.Session, t *Tree) (found problem.List, err error) {
	for _, f := range fragments(t) {
		tree, err := nodeTree(ctx, db, f.sql)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && !session.IsUnavailable(err):
			found.Add(f.place, cannotTellRemedy(ctx, db), "%s: "+cannotTell+": %s", f.what, pg.Message)
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %s: %w", db.Name, f.what, err)
		}
		if err := f.judge(ctx, db, tree, &found); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", db.Name, f.what, err)
		}
	}
	return found, nil
}

func cannotTellRemedy(ctx context.Context, db *session.Session) string {
	const other = "use columns as they are, or consistency: snapshot"
	rows, err := db.Rows(ctx, "select pg_catalog.quote_ident(pg_catalog.current_database()), pg_catalog.quote_ident(current_user), pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')")
	if err != nil || len(rows) == 0 || rows[0][2] == "t" {
		return other
	}
	return "GRANT TEMPORARY ON DATABASE " + rows[0][0] + " TO " + rows[0][1] + "; or " + other
}

// nodeTree plans a SELECT as a view and gives its tree. Nothing is left of the view.
func nodeTree(ctx context.Context, db *session.Session, sql string) (tree string, err error) {
	defer func() { err = errors.Join(err, db.Exec(ctx, "rollback")) }()
	if err := db.Exec(ctx, "begin read write"); err != nil {
		return "", err // as a standby says; the rollback is for whatever it left begun
	}
	if err := db.Exec(ctx, "create temporary view humpty_probe as "+sql); err != nil {
		return "", err
	}
	rows, err := db.Rows(ctx, "select ev_action from pg_catalog.pg_rewrite where ev_class = 'pg_temp.humpty_probe'::pg_catalog.regclass")
	if err != nil {
		return "", err
	}
	return rows[0][0], nil
}

var (
	relationNode = regexp.MustCompile(`:rtekind 0 :relid (\d+) `)
	functionNode = regexp.MustCompile(`:(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)`)
	operatorNode = regexp.MustCompile(`:opno (\d+)|:opnos \(o ([\d ]+)\)`)
	timeConstant = regexp.MustCompile(`\{CONST :consttype (?:1082|1083|1114|1184|1266) `)
	clockLiteral = regexp.MustCompile(`(?i)'\s*(?:now|today|tomorrow|yesterday)\b[^']*'`)
)

func (f *fragment) judge(ctx context.Context, db *session.Session, tree string, found *problem.List) error {
	const remedy = "make it an include, or a column that the application writes; or use consistency: snapshot"
	refuse := func(what string) {
		found.Add(f.place, remedy, "%s %s: the stream of changes does not tell of that", f.what, what)
	}
	if strings.Contains(tree, "{SQLVALUEFUNCTION ") {
		refuse("depends on the clock or the session (as current_date and current_user do)")
	}
	if text := clockLiteral.FindString(f.text); text != "" && timeConstant.MatchString(tree) {
		refuse("depends on the clock (" + text + ")")
	}
	if f.from.Kind != 'q' {
		if err := f.relations(ctx, db, tree, refuse); err != nil {
			return err
		}
	}
	rows, err := db.Rows(ctx, functionsSQL, oidList(functionNode, tree), oidList(operatorNode, tree))
	if err != nil {
		return err
	}
	zone := ""
	for _, r := range rows {
		name, volatility, builtIn, extension, zoned := r[0]+"()", r[1], r[2] == "t", r[3] == "t", r[4] == "t"
		switch {
		case volatility == "v":
			refuse("calls " + name + ", which is VOLATILE and may give another result at each reading")
		case volatility == "s" && (!builtIn || !rowOnly.MatchString(r[0])):
			refuse("calls " + name + ", which is STABLE and may read the clock, settings or other rows")
		case volatility == "s" && zoned:
			zone = name
		case volatility == "i" && !builtIn && !extension:
			found.Warn(f.place, "", "%s calls %s, which is IMMUTABLE by your word: where its result depends on more than its arguments, documents go stale", f.what, name)
		}
	}
	if zone != "" {
		found.Warn(f.place, "name the zone, as in at time zone 'Europe/Berlin', if another is meant", "%s depends on the time zone (%s): it sees UTC", f.what, zone)
	}
	return nil
}

// relations refuses all but the fragment's own relation, and that where it stands twice.
func (f *fragment) relations(ctx context.Context, db *session.Session, tree string, refuse func(string)) error {
	own := 0
	for _, m := range relationNode.FindAllStringSubmatch(tree, -1) {
		if m[1] == f.from.OID {
			own++
		}
	}
	if own > 1 {
		refuse("reads other rows of " + f.from.Label)
	}
	rows, err := db.Rows(ctx, `
select n.nspname || '.' || c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = any ($1::oid[]) and c.oid <> $2::oid and c.relname <> 'humpty_probe' order by 1`, oidList(relationNode, tree), f.from.OID)
	for _, r := range rows {
		refuse("reads " + r[0])
	}
	return err
}

const functionsSQL = `
select distinct p.proname, p.provolatile, p.oid < 16384, exists (
    select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'),
  p.prorettype in (1184, 1266) or array[1184, 1266]::oid[] && p.proargtypes::oid[]
from pg_catalog.pg_proc p where p.oid = any ($1::oid[]) or p.oid in (select o.oprcode from pg_catalog.pg_operator o where o.oid = any ($2::oid[]))
order by 1`

// rowOnly are the built-in STABLE functions whose results depend on their arguments and on settings
// that every session of ours has alike (time zone, styles of dates, intervals and bytea), and
// on nothing else.
var rowOnly = regexp.MustCompile(`^(?:anytextcat|textanycat|array_to_json|array_to_string|array_in|array_out|concat|concat_ws|convert|convert_from|convert_to|format|length|numeric|pg_typeof|` +
	`date|time|timetz|timestamp|timestamptz|timezone|date_part|date_trunc|extract|overlaps|make_timestamptz|generate_series|in_range|interval_pl_timestamptz|` +
	`date_\w+_timestamptz|timestamp_\w+_timestamptz|timestamptz_\w+|enum_first|enum_last|enum_range|quote_literal|quote_nullable|record_out|` +
	`jsonb?_(?:agg|build_array|build_object|object_agg|populate_record|populate_recordset|to_record|to_recordset|path_\w+_tz)|row_to_json|` +
	`to_char|to_date|to_json|to_jsonb|to_number|to_timestamp)$`)

// oidList is an array of the oids that a pattern finds.
func oidList(pattern *regexp.Regexp, tree string) string {
	var oids []string
	for _, m := range pattern.FindAllStringSubmatch(tree, -1) {
		for _, group := range m[1:] {
			oids = append(oids, strings.Fields(group)...)
		}
	}
	return "{" + strings.Join(oids, ",") + "}"
}
