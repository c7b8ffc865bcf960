package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"humpty/sources"
)

// topic is one of a random schema. What its events fold to is known to the oracle as a
// table of the same database, which no publication has.
type topic struct {
	name       string // of the table, and in the configuration
	fold       string // latest, merge or handlers
	partitions int
	keys       string // what they begin with, before a number
	single     bool   // the number of an event's key is also that of its parent
	poison     bool
	grown      bool // has a partition more, for keys of its own
}

// brokerName is the topic's name at the broker.
func (t *topic) brokerName(alias string) string { return fmt.Sprint(alias, "-", t.name) }

// topicInclude is an include that a topic gives, or the events that documents are made of.
type topicInclude struct {
	name  string
	topic *topic
	one   bool
	byKey bool // its key is the document's id
	desc  bool // in order of n, backwards

	rows []sources.Shape // of tables that are in it
}

// newMixedSchema is one of tables in three of four, else one of events; with topics in
// most documents of tables.
func newMixedSchema(rng *rand.Rand, p *Plan) *schema {
	if rng.IntN(4) == 0 {
		s := &schema{rng: rng, joined: map[string][]*topicInclude{}, generated: p.has(Generated), partitioned: p.has(Partition)}
		s.events = &topicInclude{topic: s.topic("k", false), rows: nil}
		s.events.rows = s.rows("")
		if rng.IntN(2) == 0 {
			s.join("", true)
		}
		s.joinIncludes(s.events.rows, "")
		s.oracle = "select k.key, " + s.state(s.events, "k", "") + "::text from facts." + s.events.topic.name + " k"
		return s
	}
	s := newSchema(rng, p)
	s.joined = map[string][]*topicInclude{}
	if rng.IntN(8) > 0 {
		s.join("", false)
		s.joinIncludes(s.shape.Include, "")
	}
	s.oracle = s.selects()
	return s
}

const maxTopics = 3

func (s *schema) topic(keys string, single bool) *topic {
	t := &topic{
		name: fmt.Sprint("k", len(s.topics)), fold: []string{"latest", "merge", "handlers"}[s.rng.IntN(3)],
		partitions: 1 + s.rng.IntN(3), keys: keys, single: single, poison: s.rng.IntN(2) == 0,
	}
	s.topics = append(s.topics, t)
	return t
}

// joinIncludes adds topics to some of the includes of tables.
func (s *schema) joinIncludes(shapes []sources.Shape, path string) {
	for _, in := range shapes {
		below := path + in.Name + "."
		if len(s.topics) < maxTopics && s.rng.IntN(3) == 0 {
			s.join(below, false)
		}
		s.joinIncludes(in.Include, below)
	}
}

// join adds an include of a topic to what is at a path.
func (s *schema) join(path string, events bool) {
	j := &topicInclude{name: fmt.Sprint("k", len(s.topics), "s"), desc: s.rng.IntN(2) == 0}
	switch {
	case path == "" && !events && s.rng.IntN(3) == 0:
		j.byKey, j.one = true, true
		j.topic = s.topic("", false)
	case !events && s.rng.IntN(3) == 0:
		j.one = true
		j.topic = s.topic("k", true)
	default:
		j.topic = s.topic("k", false)
	}
	if s.rng.IntN(4) == 0 {
		j.rows = s.rows(path + j.name + ".")
	}
	s.joined[path] = append(s.joined[path], j)
}

// rows are tables in a document of events: found by a field of it.
func (s *schema) rows(path string) []sources.Shape {
	depth := strings.Count(path, ".")
	if depth >= maxDepth || s.count() > maxIncludes {
		return nil
	}
	shape := sources.Shape{Name: fmt.Sprintf("r%da", depth)}
	child := s.table()
	if s.rng.IntN(2) == 0 {
		s.tables = s.tables[:len(s.tables)-1] // made again
		child = s.child()
		shape.Many, shape.On = true, []sources.Join{{Child: "up", Parent: "up"}}
		shape.OrderBy = []sources.Order{{Column: "id"}, {Column: "v"}}
	} else {
		shape.One, shape.On = true, []sources.Join{{Child: "id", Parent: "up"}}
	}
	shape.From, shape.Columns = child.name, child.columns()
	if s.rng.IntN(2) == 0 {
		shape.Include = s.includes(child, depth+1)
	}
	return []sources.Shape{shape}
}

// state is the naive SQL of what a topic folds to, with the rows in it.
func (s *schema) state(j *topicInclude, k, path string) string {
	text := k + ".doc::text"
	open := fmt.Sprintf("left(%s, -1)", text)
	more := ""
	if j == s.events { // includes come in the order of the file: k before r
		for i, below := range s.joined[""] {
			more += fmt.Sprintf(" || ',\"%s\":' || coalesce(%s::text, 'null')", below.name, s.folded(below, fmt.Sprint(k, "k", i), below.name+".", k+".up"))
		}
	}
	for i, in := range j.rows {
		x := fmt.Sprint(k, "r", i)
		from := fmt.Sprintf("from %s %s where %[2]s.%s::text = %s.up", in.From, x, in.On[0].Child, k)
		more += fmt.Sprintf(" || ',\"%s\":' || coalesce(%s::text, 'null')", in.Name, s.included(in, x, path+in.Name+".", from))
	}
	if more == "" {
		return k + ".doc"
	}
	return "(" + open + more + " || '}')::json"
}

// folded is the value of an include of a topic, by the text of what it is found by.
func (s *schema) folded(j *topicInclude, k, path, parent string) string {
	object := s.state(j, k, path)
	by := k + ".up"
	if j.byKey {
		by = k + ".key"
	}
	from := fmt.Sprintf("from facts.%s %s where %s = %s", j.topic.name, k, by, parent)
	if j.one {
		return fmt.Sprintf("(select %s %s)", object, from)
	}
	order := k + ".key collate \"C\""
	if j.desc {
		order = k + ".n desc nulls first, " + order
	}
	return fmt.Sprintf("coalesce((select json_agg(%s order by %s) %s), '[]')", object, order, from)
}

// facts is the DDL of what the oracle knows of topics.
func (s *schema) facts() string {
	var sql strings.Builder
	for i, t := range s.topics {
		if i == 0 {
			sql.WriteString("create schema if not exists facts;\n")
		}
		fmt.Fprintf(&sql, "create table facts.%s (key text primary key, up text, n bigint, doc json not null); create index on facts.%[1]s (up);\n", t.name)
	}
	return sql.String()
}
