package cdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// publication is what a capture publishes, as it was when the capture began.
type publication struct {
	name   string // of the slot, too
	tree   *query.Tree
	tables []publishedTable
	origin origin
}

// publish creates the publication of the captured tables, partition by partition: a
// TRUNCATE of a single partition would not come through their root.
func publish(ctx context.Context, db *session.Session, name string, tables []publishedTable) error {
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = t.sql
	}
	err := db.Exec(ctx, "create publication "+session.QuoteIdent(name)+" for table "+strings.Join(list, ", ")+" with (publish_via_partition_root = false)")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return fmt.Errorf("create a publication: %s\n    the user needs CREATE on the database and must own the tables: %s", pg.Message, strings.Join(list, ", "))
	}
	if err != nil {
		return fmt.Errorf("create publication %s: %w", name, err)
	}
	return nil
}

// publishedSQL counts the tables that the publication still has, if it still says all of them: whole
// rows, and every one (row filters and column lists are of PostgreSQL 15 and later).
const publishedSQL = `
select count(*) from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
where p.pubname = $1 and r.prrelid = any ($2::oid[]) and p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate and not p.pubviaroot
  and pg_catalog.to_jsonb(r) ->> 'prqual' is null and pg_catalog.to_jsonb(r) ->> 'prattrs' is null`

// publicationSQL tells a publication, and its tables, from ones that were altered and put back: what
// was changed between is not in the stream.
const publicationSQL = `
select pg_catalog.md5(coalesce(string_agg(p.oid || ' ' || p.xmin || ' ' || r.oid || ' ' || r.xmin, ',' order by r.prrelid), ''))
from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid where p.pubname = $1 and r.prrelid = any ($2::oid[])`

// oidArray lists what is published as an array.
func oidArray(tables []publishedTable) string {
	oids := make([]string, len(tables))
	for i, t := range tables {
		oids[i] = t.oid
	}
	return "{" + strings.Join(oids, ",") + "}"
}

// checkPublication is an error unless the publication has as many of the tables as there are: what
// somebody took out of it, or changed in it, would be missing in the stream, and newer
// servers go on without a publication that is not there.
func checkPublication(name, count string, tables []publishedTable) error {
	if count == strconv.Itoa(len(tables)) {
		return nil
	}
	return &sources.ErrChangesLost{Why: fmt.Sprintf("publication %s was dropped or altered: it publishes %s of the %d captured tables whole", name, count, len(tables)), Remedy: incomplete}
}
