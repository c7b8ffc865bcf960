package cdc

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// origin is what a position belongs to: the server's history, and the form of the tables.
// A position of another origin says nothing here.
type origin struct {
	system string // identifier and timeline
	tables string // fingerprint

	publication string // as publicationSQL tells it

	meaning meaning
}

func findOrigin(ctx context.Context, db *session.Session, conn *pgconn.PgConn, t *query.Tree) (origin, error) {
	id, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return origin{}, fmt.Errorf("identify the server: %w", err)
	}
	o := origin{system: fmt.Sprintf("%s/%d", id.SystemID, id.Timeline)}
	if o.tables, err = fingerprint(ctx, db, t); err != nil {
		return origin{}, err
	}
	o.meaning, err = findMeaning(ctx, db, t)
	return o, err
}

// fingerprintSQL tells apart what the stream does not: names (by which tables are read: one
// may take another's place), columns and types, which partitions and heirs there are, and what is
// watched ($2). What a TRUNCATE changes is not in it: that is in the stream. Nor are the
// identities: see checkIdentities.
const fingerprintSQL = `
select pg_catalog.md5($2::text || coalesce(pg_catalog.string_agg(c.oid::text || ' ' || c.relnamespace || ' ' || c.relname || ' ' || coalesce((
    select pg_catalog.string_agg(a.attnum || ' ' || a.attname || ' ' || a.atttypid || ' ' || a.atttypmod, ',' order by a.attnum)
    from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '') || coalesce((
    select pg_catalog.string_agg(' ' || i.inhrelid, '' order by i.inhrelid) from pg_catalog.pg_inherits i where i.inhparent = c.oid), ''), ';' order by c.oid), ''))
from pg_catalog.pg_class c
where c.oid = any ($1::oid[]) or c.oid in (select p.relid from unnest($1::oid[]) o, pg_catalog.pg_partition_tree(o) p)`

func fingerprint(ctx context.Context, db *session.Session, t *query.Tree) (string, error) {
	rows, err := db.Rows(ctx, fingerprintSQL, tableOIDs(t), watchedColumns(t))
	if err != nil {
		return "", fmt.Errorf("look at the captured tables: %w", err)
	}
	return rows[0][0], nil
}

// tableOIDs lists the captured tables as an array.
func tableOIDs(t *query.Tree) string {
	var oids []string
	for _, w := range t.Dependencies() {
		if rel := w.Relation(); rel.OID != "" {
			oids = append(oids, rel.OID)
		}
	}
	return "{" + strings.Join(oids, ",") + "}"
}

// watchedColumns tells apart what marks are made of: a table whose key was made anew over other
// columns has other ids.
func watchedColumns(t *query.Tree) string {
	var b strings.Builder
	for _, w := range t.Dependencies() {
		b.WriteString(w.Path() + " " + query.FormatKey(w.Columns) + "\n")
	}
	return b.String()
}

// incomplete is what a gap means; the engine knows the command that helps.
const incomplete = "what was read cannot be trusted to be complete"

// check holds a position's origin against the present one.
func (o origin) check(was origin, db string) error {
	switch {
	case was.system != o.system:
		return &sources.ErrChangesLost{Why: fmt.Sprintf("%s is another server, or went back or over to a standby: system and timeline were %s, and are %s", db, was.system, o.system), Remedy: incomplete}
	case was.tables != o.tables:
		return &sources.ErrChangesLost{Why: "a captured table was altered or renamed, or got or lost a partition, since the capture began", Remedy: incomplete}
	case was.publication != o.publication:
		return &sources.ErrChangesLost{Why: "the publication was altered since the capture began, or the file names another one: what it left out until it was put back is not in the stream of changes", Remedy: incomplete}
	}
	return o.meaning.check(was.meaning)
}

// position is the position that an LSN is of this origin. Labels of enums are not in it: they may be
// many, and a digest would not tell one more from another one.
func (o origin) position(lsn pglogrepl.LSN) sources.Position {
	return sources.Position(lsn.String() + " " + o.system + " " + o.tables + " " + o.publication + " " + o.meaning.names)
}

// parseLSN reads a position of a capture. One of another form is of another version of humpty,
// which kept less of what the capture rests on: that nothing was lost since cannot be told. Only the
// meaning may be missing, and is then not compared.
func parseLSN(p sources.Position) (pglogrepl.LSN, origin, error) {
	parts := strings.Fields(string(p))
	if len(parts) != 4 && len(parts) != 5 {
		return 0, origin{}, &sources.ErrChangesLost{
			Why:    fmt.Sprintf("the position %q of the capture was written by another version of humpty, and does not say what it was made from", p),
			Remedy: incomplete,
		}
	}
	lsn, err := pglogrepl.ParseLSN(parts[0])
	if err != nil {
		return 0, origin{}, &sources.ErrChangesLost{Why: fmt.Sprintf("the position %q of the capture cannot be read: %v", p, err), Remedy: incomplete}
	}
	was := origin{system: parts[1], tables: parts[2], publication: parts[3]}
	if len(parts) == 5 {
		was.meaning.names = parts[4]
	}
	return lsn, was, nil
}
