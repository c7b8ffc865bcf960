package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"humpty/sources"
)

// table is one table of a random schema. All have id and v.
type table struct {
	name     string
	refs     []string // columns that name rows of other tables
	link     bool     // a join table: a and b, and nothing else
	soft     bool     // rows with gone are not there
	identity string

	generated   bool // has a column g that the server makes of the others, and hidden beside gone
	partitioned bool
}

// schema is a random tree of includes over random tables.
type schema struct {
	rng    *rand.Rand
	tables []*table
	shape  sources.Shape
	oracle string // gives id and document

	topics []*topic
	joined map[string][]*topicInclude // by the path of what they are in
	events *topicInclude              // the root, if it is made of events

	generated, partitioned bool // some tables are
}

const (
	maxIncludes = 6
	maxDepth    = 3
)

func newSchema(rng *rand.Rand, p *Plan) *schema {
	s := &schema{rng: rng, generated: p.has(Generated), partitioned: p.has(Partition)}
	root := s.table()
	s.shape = sources.Shape{From: root.name, Columns: root.columns()}
	if rng.IntN(2) == 0 {
		root.soft = true
		s.shape.Where = "not gone"
		if root.generated && rng.IntN(2) == 0 {
			s.shape.Where = "not hidden"
		}
	}
	s.shape.Include = s.includes(root, 0)
	s.oracle = s.selects()
	return s
}

// selects gives all documents of tables.
func (s *schema) selects() string {
	where := ""
	if s.shape.Where != "" {
		where = " where not x.gone" // hidden is the same by another name
	}
	return "select x.id::text, " + s.object(s.shape, "x", "") + "::text from " + s.shape.From + " x" + where
}

func (s *schema) table() *table {
	t := &table{name: fmt.Sprint("t", len(s.tables))}
	t.generated = s.generated && s.rng.IntN(3) > 0
	t.partitioned = s.partitioned && s.rng.IntN(2) == 0
	s.tables = append(s.tables, t)
	return t
}

func (t *table) columns() []sources.Column {
	if t.generated {
		return columns("id", "v", "g")
	}
	return columns("id", "v")
}

// child is a table whose rows name their parent.
func (s *schema) child() *table {
	t := s.table()
	t.refs = append(t.refs, "up")
	switch s.rng.IntN(3) { // how the stream comes to know the old parent
	case 0:
		t.identity = "primary key (up, id)"
	case 1:
		t.identity = "full"
	default:
		t.identity = "index"
		t.partitioned = false // each partition would need an index of its own
	}
	return t
}

func (s *schema) count() (n int) {
	for _, t := range s.tables {
		if !t.link {
			n++
		}
	}
	return n
}

func (s *schema) includes(parent *table, depth int) []sources.Shape {
	var all []sources.Shape
	for i := range 1 + s.rng.IntN(3) {
		if depth == maxDepth || s.count() > maxIncludes {
			break
		}
		name := fmt.Sprintf("f%d%c", depth, 'a'+i)
		var child *table
		var shape sources.Shape
		switch s.rng.IntN(3) {
		case 0:
			child = s.table()
			if s.rng.IntN(4) == 0 && parent.identity != "primary key (up, id)" { // the same table twice, or the table itself
				s.tables = s.tables[:len(s.tables)-1]
				child = parent
			}
			ref := fmt.Sprint("ref", len(parent.refs))
			parent.refs = append(parent.refs, ref)
			shape = sources.Shape{From: child.name, One: true, On: []sources.Join{{Child: "id", Parent: ref}}}
		case 1:
			child = s.child()
			shape = sources.Shape{From: child.name, Many: true, On: []sources.Join{{Child: "up", Parent: "id"}}}
		default:
			link := s.table()
			link.link, link.generated, link.partitioned = true, false, false
			child = s.table()
			shape = sources.Shape{
				From: child.name, Many: true, On: []sources.Join{{Child: "id", Parent: "b"}},
				Through: &sources.Through{From: link.name, Parent: []sources.Join{{Child: "a", Parent: "id"}}},
			}
		}
		shape.Name, shape.Columns = name, child.columns()
		if shape.Many {
			shape.OrderBy = []sources.Order{{Column: "id"}, {Column: "v"}}
		}
		if child != parent {
			shape.Include = s.includes(child, depth+1)
		}
		all = append(all, shape)
	}
	return all
}

func columns(names ...string) []sources.Column {
	var list []sources.Column
	for _, n := range names {
		list = append(list, sources.Column{Field: n, Expr: n, Plain: true})
	}
	return list
}

// object is the naive SQL of a document or of an include's, in the shape's order; what comes
// from topics is behind the rest.
func (s *schema) object(shape sources.Shape, at, path string) string {
	var parts []string
	for _, c := range shape.Columns {
		parts = append(parts, fmt.Sprintf("'%s', %s.%[1]s", c.Field, at))
	}
	for i, in := range shape.Include {
		x := fmt.Sprint(at, i)
		from := fmt.Sprintf("from %s %s where %[2]s.%s = %s.%s", in.From, x, in.On[0].Child, at, in.On[0].Parent)
		if in.Through != nil {
			from = fmt.Sprintf("from %s %s, %s j%[2]s where j%[2]s.a = %[4]s.id and %[2]s.id = j%[2]s.b", in.From, x, in.Through.From, at)
		}
		parts = append(parts, fmt.Sprintf("'%s', %s", in.Name, s.included(in, x, path+in.Name+".", from)))
	}
	for i, j := range s.joined[path] {
		parts = append(parts, fmt.Sprintf("'%s', %s", j.name, s.folded(j, fmt.Sprint(at, "k", i), path+j.name+".", at+".id::text")))
	}
	return "json_build_object(" + strings.Join(parts, ", ") + ")"
}

// included is the value of an include of rows.
func (s *schema) included(in sources.Shape, x, path, from string) string {
	object := s.object(in, x, path)
	if in.One {
		return fmt.Sprintf("(select %s %s)", object, from)
	}
	return fmt.Sprintf("coalesce((select json_agg(%s order by %s.id, %[2]s.v collate \"C\") %s), '[]')", object, x, from)
}

// names are those of tables with rows of their own for which it holds.
func (s *schema) names(holds func(*table) bool) []string {
	var names []string
	for _, t := range s.tables {
		if !t.link && holds(t) {
			names = append(names, t.name)
		}
	}
	return names
}

// find is the table of a name.
func (s *schema) find(name string) *table {
	return s.tables[slices.IndexFunc(s.tables, func(t *table) bool { return t.name == name })]
}

// fill gives the tables their first rows.
func (s *schema) fill() string {
	var sql strings.Builder
	for _, t := range s.tables {
		for range 2 * maxID {
			sql.WriteString(t.insert(s.rng, "first") + ";\n")
		}
	}
	return sql.String() + "analyze"
}

// create is the tables' DDL.
func (s *schema) create() string {
	var sql strings.Builder
	for _, t := range s.tables {
		sql.WriteString(t.create())
	}
	return sql.String()
}

func (t *table) create() string {
	if t.link {
		return fmt.Sprintf("create table %s (a int, b int, primary key (a, b)); create index on %[1]s (b);\n", t.name)
	}
	list := []string{"id int", "v text collate \"C\""}
	value := "coalesce(v, '')"
	for _, r := range t.refs {
		null := ""
		if t.identity == "index" && r == "up" {
			null = " not null"
		}
		list = append(list, r+" int"+null)
		value += " || '/' || coalesce(" + r + "::text, '')"
	}
	if t.soft {
		list = append(list, "gone bool not null default false")
	}
	if t.generated {
		list = append(list, "g text collate \"C\" generated always as ("+value+") stored")
		if t.soft {
			list = append(list, "hidden bool generated always as (gone) stored")
		}
	}
	var sql strings.Builder
	by := ""
	if t.partitioned {
		by = " partition by range (id)"
	}
	fmt.Fprintf(&sql, "create table %s (%s)%s;\n", t.name, strings.Join(append(list, t.key()), ", "), by)
	if t.partitioned {
		sql.WriteString(t.partition(1, 0, maxID/2) + t.partition(2, maxID/2, maxID+1))
	}
	for _, r := range t.refs {
		fmt.Fprintf(&sql, "create index on %s (%s);\n", t.name, r)
	}
	switch t.identity {
	case "full":
		fmt.Fprintf(&sql, "alter table %s replica identity full;\n", t.name)
	case "index":
		fmt.Fprintf(&sql, "create unique index %s_identity on %[1]s (up, id); alter table %[1]s replica identity using index %[1]s_identity;\n", t.name)
	}
	return sql.String()
}

func (t *table) key() string {
	if strings.HasPrefix(t.identity, "primary") {
		return t.identity
	}
	return "primary key (id)"
}

// partition is the DDL of one.
func (t *table) partition(number, from, to int) string {
	sql := fmt.Sprintf("create table %s_p%d partition of %[1]s for values from (%[3]d) to (%[4]d);\n", t.name, number, from, to)
	if t.identity == "full" {
		sql += fmt.Sprintf("alter table %s_p%d replica identity full;\n", t.name, number)
	}
	return sql
}
