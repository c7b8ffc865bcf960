package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"humpty/sources/postgres/session"
)

// Relation is a table, view or query as the catalog knows it.
type Relation struct {
	Label   string // shop.orders, or "the query of orders", for messages
	SQL     string // what stands behind FROM
	alias   string // by which its row is called in SQL
	OID     string // empty for a query
	schema  string
	Name    string
	Kind    byte // relkind; 'q' for a query
	columns []relColumn
	indexes []relIndex // usable: valid, not partial, plain columns
	Rows    int64      // estimate
	bytes   int64      // of the table itself
	width   int64      // average bytes of a row

	HasChildren bool // other tables inherit from it, whose rows its unique indexes do not cover
	rights
}

// rights are what the session's role may do with a relation.
type rights struct {
	role     string
	canRead  bool // SELECT on the whole table
	canUse   bool // USAGE on the schema
	rowLevel bool // row-level security applies to us
}

type relColumn struct {
	name      string
	Type      uint32
	NotNull   bool
	collation uint32
	exact     bool // equal means the same bytes: no nondeterministic collation
	canRead   bool
	width     int64

	Generated     bool     // worked out by the server from other columns; the stream leaves it out
	GeneratedFrom []string // those columns
}

type relIndex struct {
	unique, primary bool
	columns         []string
}

const relationSQL = `
with t as (
  select c.oid, n.nspname, n.oid as nsp, c.relname, c.relkind
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r','p','v','m','f') and c.relname = $2
    and (n.nspname = $1 or $1 = '' and c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident($2)))
), below as (
  with recursive b as (
    select oid from t union select i.inhrelid from b join pg_catalog.pg_inherits i on i.inhparent = b.oid
  ) select oid from b
), stored as (
  select coalesce(sum(greatest(c.reltuples, 0)), 0)::int8 as tuples, coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::int8 as bytes,
    coalesce(bool_or(c.reltuples < 0), false) as unknown, count(*) as tables
  from below join pg_catalog.pg_class c on c.oid = below.oid and c.relkind in ('r','m')
)
select t.oid, t.nspname, t.relname, t.relkind, stored.tuples, stored.bytes, stored.unknown,
  has_table_privilege(t.oid, 'SELECT'), has_schema_privilege(t.nsp, 'USAGE'), pg_catalog.row_security_active(t.oid), current_user,
  t.relkind = 'r' and stored.tables > 1
from t, stored`

const columnSQL = `
select a.attname, a.atttypid, a.attnotnull, a.attcollation, coalesce(l.collisdeterministic, true),
  has_column_privilege(a.attrelid, a.attnum, 'SELECT'), coalesce(s.width, 0), a.attgenerated <> '', case when a.attgenerated <> '' then coalesce((
    select string_agg(distinct b.attname, chr(1)) from pg_catalog.pg_attribute b, pg_catalog.pg_depend e
    where b.attrelid = a.attrelid and b.attnum <> a.attnum and e.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.refobjid = a.attrelid and e.refobjsubid = b.attnum
      and (e.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and e.objid = (select f.oid from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum)
        or e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = a.attrelid and e.objsubid = a.attnum)), '') end
from pg_catalog.pg_attribute a
left join pg_catalog.pg_collation l on l.oid = a.attcollation
left join (select attname, max(avg_width) as width from pg_catalog.pg_stats where schemaname = $2 and tablename = $3 group by 1) s
  on s.attname = a.attname
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped order by a.attnum`

// A deferrable index counts as unique: what is committed has each key once, and nothing else is read.
const indexSQL = `
select i.indisunique, i.indisprimary,
  (select string_agg(a.attname, chr(1) order by k.n)
   from unnest(i.indkey::int2[]) with ordinality k(attnum, n)
   join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
   where k.n <= i.indnkeyatts)
from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = x.relam
where i.indrelid = $1::oid and i.indisvalid and i.indpred is null and 0 <> all (i.indkey) and m.amname in ('btree', 'hash')
order by i.indisprimary desc, i.indnkeyatts, i.indexrelid`

const tablesSQL = `
select case when pg_catalog.pg_table_is_visible(c.oid) then '' else n.nspname || '.' end || c.relname
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p','v','m','f') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
order by 1 limit 10000`

// findTable looks a table up; nil if there is none of that name.
func findTable(ctx context.Context, db *session.Session, name string) (*Relation, error) {
	schema, table, ok := splitName(name)
	if !ok {
		return nil, nil
	}
	rows, err := db.Rows(ctx, relationSQL, schema, table)
	if err != nil {
		return nil, fmt.Errorf("look up table %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	r := rows[0]
	rel := &Relation{
		Label: r[1] + "." + r[2], SQL: session.QuoteIdent(r[1]) + "." + session.QuoteIdent(r[2]), alias: session.QuoteIdent(r[2]),
		OID: r[0], schema: r[1], Name: r[2], Kind: r[3][0], Rows: session.ParseInt(r[4]), bytes: session.ParseInt(r[5]),
		HasChildren: r[11] == "t", rights: rights{role: r[10], canRead: r[7] == "t", canUse: r[8] == "t", rowLevel: r[9] == "t"},
	}
	if err := rel.loadColumns(ctx, db); err != nil {
		return nil, fmt.Errorf("look up columns of %s: %w", name, err)
	}
	if r[6] == "t" { // never analyzed: guess as the planner does, from the size
		rel.Rows = max(rel.Rows, rel.bytes/(rel.width+28))
	}
	indexes, err := db.Rows(ctx, indexSQL, rel.OID)
	if err != nil {
		return nil, fmt.Errorf("look up indexes of %s: %w", name, err)
	}
	for _, i := range indexes {
		rel.indexes = append(rel.indexes, relIndex{i[0] == "t", i[1] == "t", strings.Split(i[2], "\x01")})
	}
	return rel, nil
}

func (r *Relation) loadColumns(ctx context.Context, db *session.Session) error {
	rows, err := db.Rows(ctx, columnSQL, r.OID, r.schema, r.Name)
	if err != nil {
		return err
	}
	for _, row := range rows {
		c := relColumn{
			name: row[0], Type: uint32(session.ParseInt(row[1])), NotNull: row[2] == "t", collation: uint32(session.ParseInt(row[3])),
			exact: row[4] == "t", canRead: row[5] == "t", width: session.ParseInt(row[6]), Generated: row[7] == "t",
		}
		if row[8] != "" {
			c.GeneratedFrom = strings.Split(row[8], "\x01")
		}
		r.columns = append(r.columns, c)
		r.width += cmp.Or(c.width, 12)
	}
	return nil
}

// describeQuery describes a SELECT as if it were a table: names and types, no more.
func (c *catalog) describeQuery(label, sql, place string) (*Relation, error) {
	sql = strings.TrimRight(strings.TrimSpace(sql), "; \n\t")
	rel := &Relation{
		Label: label, SQL: "(" + sql + "\n) as q", alias: "q", Kind: 'q', rights: rights{canRead: true, canUse: true},
	}
	fields, err := c.describe("select * from "+rel.SQL, place)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		rel.columns = append(rel.columns, relColumn{name: f.Name, Type: f.DataTypeOID, exact: false, canRead: true})
		rel.width += 12
	}
	return rel, nil
}

// Column finds a column by its name as the catalog has it; nil if there is none.
func (r *Relation) Column(name string) *relColumn {
	for i := range r.columns {
		if r.columns[i].name == name {
			return &r.columns[i]
		}
	}
	return nil
}

func (r *Relation) columnNames() []string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.name
	}
	return names
}

// key returns the columns of the best unique NOT NULL index whose columns are all
// among those allowed (any, where nil); nil if there is none.
func (r *Relation) key(allowed []string) []string {
	for _, i := range r.indexes {
		if !i.unique || allowed != nil && slices.ContainsFunc(i.columns, func(c string) bool { return !slices.Contains(allowed, c) }) {
			continue
		}
		if !slices.ContainsFunc(i.columns, func(c string) bool { return !r.Column(c).NotNull }) {
			return i.columns
		}
	}
	return nil
}

// uniqueOn reports whether a unique index proves that at most one row has given values
// in these columns.
func (r *Relation) uniqueOn(columns []string) bool {
	return slices.ContainsFunc(r.indexes, func(i relIndex) bool {
		return i.unique && !slices.ContainsFunc(i.columns, func(c string) bool { return !slices.Contains(columns, c) })
	})
}

// Indexed reports whether an index finds rows by these columns: they are its first ones.
func (r *Relation) Indexed(columns []string) bool {
	return slices.ContainsFunc(r.indexes, func(i relIndex) bool {
		n := 0
		for n < len(i.columns) && slices.Contains(columns, i.columns[n]) {
			n++
		}
		return n > 0 && (n == len(i.columns) || n == len(columns) || n >= 1)
	})
}

// smallTable: a scan of it per page is cheaper than talking about an index.
const smallTable = 1 << 20

// IsSmall reports whether it may be read whole now and then.
func (r *Relation) IsSmall() bool { return r.bytes <= smallTable }

// PrimaryKey is the columns of the primary key; nil if there is none.
func (r *Relation) PrimaryKey() (columns []string) {
	for _, i := range r.indexes {
		if i.primary {
			columns = i.columns
		}
	}
	return columns
}

// Size is how large the table is, for people.
func (r *Relation) Size() string {
	bytes := r.bytes
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d kB", (bytes+1023)/1024)
}
