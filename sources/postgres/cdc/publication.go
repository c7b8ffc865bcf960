package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// captured is what a capture reads, as it was when the capture began.
type captured struct {
	slot        string
	publication publication
	tree        *query.Tree
	origin      origin
}

// publication is what a slot reads by. A given one was made by another: it is looked at, and
// never made, altered or dropped.
type publication struct {
	name   string
	given  bool
	tables []publishedTable // that it must publish
}

// create makes the publication of the captured tables, partition by partition, so that
// a look at it shows which ones are read.
func (p *publication) create(ctx context.Context, db *session.Session) error {
	err := db.Exec(ctx, "create publication "+session.QuoteIdent(p.name)+" for table "+strings.Join(p.labels(), ", ")+" with (publish_via_partition_root = false)")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return fmt.Errorf("create a publication: %s\n    the user needs CREATE on the database and must own the tables: %s; humpty check says what another can do for it", pg.Message, strings.Join(p.labels(), ", "))
	}
	if err != nil {
		return fmt.Errorf("create publication %s: %w", p.name, err)
	}
	return nil
}

func (p *publication) labels() []string {
	var all []string
	for _, t := range p.tables {
		all = append(all, t.sql)
	}
	return all
}

// oids lists what is published as an array.
func (p *publication) oids() string {
	oids := make([]string, len(p.tables))
	for i, t := range p.tables {
		oids[i] = t.oid
	}
	return "{" + strings.Join(oids, ",") + "}"
}

// publicationSQL tells how a publication ($1) publishes tables ($2), whether by their names, as partitions,
// by their schemas or as all tables. Row filters and column lists are of PostgreSQL 15 and later,
// publications of schemas too. The last column tells it, and how the tables are in it, from one that was
// altered and put back: what was changed between is not in the stream.
const publicationSQL = `
with p as (select * from pg_catalog.pg_publication where pubname = $1),
published as materialized (select g.relid from p cross join lateral pg_catalog.pg_get_publication_tables(p.pubname::text) g),
wanted as materialized (
  select o.oid, o.oid as relid from unnest($2::oid[]) o union
  select o.oid, a.relid::oid from unnest($2::oid[]) o cross join lateral pg_catalog.pg_partition_ancestors(o.oid) a)
select exists (select from p),
  coalesce((select p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate from p), true),
  coalesce((select p.pubviaroot from p), false),
  coalesce((select string_agg(o.oid::text, ' ') from unnest($2::oid[]) o
    where not exists (select from wanted w join published g on g.relid = w.relid where w.oid = o.oid and (w.relid = o.oid or (select p.pubviaroot from p)))), ''),
  coalesce((select string_agg(distinct pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), chr(1))
    from p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid join pg_catalog.pg_class c on c.oid = r.prrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where r.prrelid in (select relid from wanted) and (pg_catalog.to_jsonb(r) ->> 'prqual' is not null or pg_catalog.to_jsonb(r) ->> 'prattrs' is not null)), ''),
  pg_catalog.md5(
    coalesce((select string_agg(p.oid || ' ' || p.xmin || ' ' || r.oid || ' ' || r.xmin, ',' order by r.prrelid)
      from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid where p.pubname = $1 and r.prrelid = any ($2::oid[])), '') ||
    coalesce((select p.oid || ' ' || p.xmin from pg_catalog.pg_publication p where p.pubname = $1 and p.puballtables), '') ||
    coalesce((select string_agg(distinct p.oid || ' ' || p.xmin || ' ' || d.classid || ' ' || d.objid, ',')
      from pg_catalog.pg_publication p
      join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass and d.refobjid = p.oid
      join pg_catalog.pg_depend m on m.classid = d.classid and m.objid = d.objid
      where p.pubname = $1 and (
        m.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and m.refobjid in (select w.relid from wanted w where w.relid <> all ($2::oid[])) or
        m.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and m.refobjid in (select c.relnamespace from pg_catalog.pg_class c join wanted w on w.relid = c.oid))), ''))`

// publicationState is how a publication is now.
type publicationState struct {
	exists, everyOperation, viaRoot bool
	missing                         []string // oids of tables
	filtered                        []string // tables with a row filter or a column list
	fingerprint                     string
}

func (p *publication) state(ctx context.Context, ask session.Ask) (publicationState, error) {
	row, err := ask(ctx, publicationSQL, p.name, p.oids())
	if err != nil {
		return publicationState{}, fmt.Errorf("look at publication %s: %w", p.name, err)
	}
	s := publicationState{exists: row[0] == "t", everyOperation: row[1] == "t", viaRoot: row[2] == "t", missing: strings.Fields(row[3]), fingerprint: row[5]}
	if row[4] != "" {
		s.filtered = strings.Split(row[4], "\x01")
	}
	return s, nil
}

// problems says what a publication lacks, each with the statement for its owner.
func (p *publication) problems(s publicationState, place string) (found problem.List) {
	name := session.QuoteIdent(p.name)
	if !s.exists {
		found.Add(place, "CREATE PUBLICATION "+name+" FOR TABLE "+strings.Join(p.whole(nil), ", ")+";", "there is no publication %s", p.name)
		return found
	}
	for _, table := range s.filtered {
		found.Add(place, "ALTER PUBLICATION "+name+" DROP TABLE "+table+"; ALTER PUBLICATION "+name+" ADD TABLE "+table+";",
			"publication %s has a row filter or a column list for table %s, so changes of the other rows and columns would be missed", p.name, table)
	}
	if !s.everyOperation {
		found.Add(place, "ALTER PUBLICATION "+name+" SET (publish = 'insert, update, delete, truncate');", "publication %s does not publish every operation (insert, update, delete, truncate)", p.name)
	}
	if s.viaRoot {
		found.Add(place, "ALTER PUBLICATION "+name+" SET (publish_via_partition_root = false);",
			"publication %s publishes changes of partitions as those of their root: a TRUNCATE of one partition would be missed", p.name)
	}
	if len(s.missing) > 0 {
		list := strings.Join(p.whole(s.missing), ", ")
		found.Add(place, "ALTER PUBLICATION "+name+" ADD TABLE "+list+";", "publication %s does not publish %s", p.name, list)
	}
	return found
}

// whole names tables as statements do that add them to a publication: partitions by their root, so that new
// ones are in it. only: those of these oids; nil: all.
func (p *publication) whole(only []string) (names []string) {
	for _, t := range p.tables {
		if only != nil && !slices.Contains(only, t.oid) {
			continue
		}
		for _, d := range t.dependencies {
			name := t.sql
			if rel := d.Relation(); rel.OID != t.oid {
				name = rel.SQL
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// check is a gap unless the publication publishes all tables whole: what it does not would be missing in
// the stream, and newer servers send nothing, and no error, for a publication that is not there.
func (p *publication) check(s publicationState) error {
	found := p.problems(s, "")
	if len(found) == 0 {
		return nil
	}
	var why, statements []string
	for _, one := range found {
		why, statements = append(why, one.What), append(statements, one.Remedy)
	}
	text := "the publication was dropped or altered: " + strings.Join(why, "; ")
	if p.given {
		text += "\n    its owner puts it right: " + strings.Join(statements, " ")
	}
	return &sources.ErrChangesLost{Why: text, Remedy: incomplete}
}
