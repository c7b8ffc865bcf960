package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"humpty/internal/problem"
	"humpty/sources/postgres/session"
)

// suggested is what a publication is called that another makes for humpty. Not as captures name their
// own, which prune drops.
const suggested = "for_humpty"

// checkRights looks at what the user may do. What is missing is never a membership in another role:
// that would be all of its rights, a superuser's among them.
func checkRights(ctx context.Context, db *session.Session, p publication, found *problem.List) error {
	row, err := db.Ask(ctx, `
select pg_catalog.quote_ident(rolname), rolsuper or rolreplication, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
  pg_catalog.quote_ident(pg_catalog.current_database()), coalesce((select string_agg(f.oid::pg_catalog.regprocedure::text, ', ') from pg_catalog.pg_proc f
    where f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and f.proname = any ($1::text[]) and not pg_catalog.has_function_privilege(f.oid, 'EXECUTE')), '')
from pg_catalog.pg_roles where rolname = current_user`, functions)
	if err != nil || row == nil {
		return errors.Join(err, fmt.Errorf("%s: look up the rights of the user", db.Name))
	}
	who := row[0]
	if row[1] != "t" {
		found.Add(db.Name, "ALTER ROLE "+who+" REPLICATION;", "user %s may not replicate, so it cannot make a slot", who)
	}
	if row[4] != "" {
		found.Add(db.Name, "GRANT EXECUTE ON FUNCTION "+row[4]+" TO "+who+";", "user %s may not call %s", who, row[4])
	}
	if p.given {
		return checkGiven(ctx, db, p, found)
	}
	others, err := ownedByOthers(ctx, db, p)
	switch {
	case err != nil:
		return err
	case len(others) > 0:
		return suggestPublication(ctx, db, p, fmt.Sprintf("user %s may not publish %s: only their owner may", who, strings.Join(others, ", ")), found)
	case row[2] != "t":
		found.Add(db.Name, "GRANT CREATE ON DATABASE "+row[3]+" TO "+who+";", "user %s may not make a publication", who)
	}
	return nil
}

// functions are those that a capture calls and that all may call, unless that was revoked.
const functions = "{pg_logical_emit_message,pg_drop_replication_slot,pg_terminate_backend,pg_current_wal_lsn,pg_current_wal_insert_lsn,pg_current_wal_flush_lsn,pg_current_snapshot,pg_export_snapshot}"

// checkGiven adds what a publication that another made lacks.
func checkGiven(ctx context.Context, db *session.Session, p publication, found *problem.List) error {
	s, err := p.state(ctx, db.Ask)
	*found = append(*found, p.problems(s, db.Name)...)
	return err
}

// ownedByOthers gives the tables that the user does not own.
func ownedByOthers(ctx context.Context, db *session.Session, p publication) (labels []string, err error) {
	rows, err := db.Rows(ctx, "select oid from pg_catalog.pg_class where oid = any ($1::oid[]) and not pg_catalog.pg_has_role(current_user, relowner, 'USAGE')", p.oids())
	if err != nil {
		return nil, fmt.Errorf("%s: look up the owners of the tables: %w", db.Name, err)
	}
	var oids []string
	for _, r := range rows {
		oids = append(oids, r[0])
	}
	if len(oids) == 0 {
		return nil, nil
	}
	return p.whole(oids), nil
}

// suggestPublication has the owner of the tables publish them, and the file name that publication.
func suggestPublication(ctx context.Context, db *session.Session, p publication, what string, found *problem.List) error {
	p.name, p.given = suggested, true
	s, err := p.state(ctx, db.Ask)
	if err != nil {
		return err
	}
	var remedy strings.Builder
	for _, one := range p.problems(s, "") {
		remedy.WriteString(one.Remedy + "\n")
	}
	if remedy.Len() > 0 {
		remedy.WriteString("as their owner with CREATE on the database, or as a superuser; then ")
	}
	remedy.WriteString("write publication: " + suggested + " in the source's part of the file")
	found.Add(db.Name, remedy.String(), "%s", what)
	return nil
}
