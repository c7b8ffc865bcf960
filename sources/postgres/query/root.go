package query

import (
	"fmt"
	"strconv"
	"strings"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// RootNode is the table that documents are made of: what they are read by, and what they
// are called.
type RootNode struct {
	*Node
	Key         []KeyColumn // what it is chunked and re-read by
	ID          []KeyColumn
	Routing     []KeyColumn
	Pages, ByID Statement
	Version     int // selected column of the version; -1 where the engine decides
}

// keyColumns names all that the root is read, called and routed by.
func (r *RootNode) keyColumns() string {
	var b strings.Builder
	for _, keys := range [][]KeyColumn{r.Key, r.ID, r.Routing} {
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.Name
		}
		b.WriteString("(" + strings.Join(names, ", ") + ")")
	}
	return b.String()
}

// addKey and addID make the node's body name the columns as k0, k1, … and i0, i1, ….
func (r *RootNode) addKey(k KeyColumn) {
	r.named = append(r.named, namedColumn{"k" + strconv.Itoa(len(r.Key)), k.SQL})
	r.Key = append(r.Key, k)
}

func (r *RootNode) addID(k KeyColumn) {
	r.named = append(r.named, namedColumn{"i" + strconv.Itoa(len(r.ID)), k.SQL})
	r.ID = append(r.ID, k)
}

// KeyColumn is one column of a key with its text form.
type KeyColumn struct {
	Name string
	SQL  string // the column
	Col  int    // selected column that gives the text
	Raw  int    // selected column with the plain value; -1 where equal values may differ in bytes
	Cast string
	Type uint32

	nested bool // no array of such values can be unnested

	Text pgjson.Texter
}

// rootPages reads the root in key order.
func (r *RootNode) rootPages() Statement {
	s := Statement{head: copyHead + r.list() + " from " + r.Body() + " where true", side: "r.k", tail: " order by " + numbered("r.k", len(r.Key))}
	for _, k := range r.Key {
		s.casts = append(s.casts, k.Cast)
	}
	return s
}

// rootByID reads single roots.
func (r *RootNode) rootByID() Statement {
	var casts []string
	on := make([]string, len(r.ID))
	for i, k := range r.ID {
		cast, value := unnested(i, k.Cast, k.nested)
		casts = append(casts, cast)
		on[i] = "r.i" + strconv.Itoa(i) + " = " + value
	}
	return Statement{
		head: copyHead + "p.n, " + r.list() + " from rows from (", casts: casts,
		tail: ") with ordinality p(" + numbered("k", len(r.ID)) + ", n) join " + r.Body() + " on " + strings.Join(on, " and ") + " order by p.n",
	}
}

// NullKeys finds a row whose key is NULL, which no range of keys would give.
func (r *RootNode) NullKeys() string {
	terms := strings.ReplaceAll(notNull("r.k", len(r.Key)), " and ", " or ")
	return copyHead + "1 from " + r.Body() + " where " + strings.ReplaceAll(terms, "is not null", "is null") + " limit 1" + copyTail
}

// KeyNames lists the columns of the key, for messages.
func (r *RootNode) KeyNames() string {
	names := make([]string, len(r.Key))
	for i, k := range r.Key {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

// eachByID is rootByID for a root that LookupShape made: a table by whose size no join of it may
// cost. DISTINCT lets a condition in, but no join; OFFSET keeps the planner from making one.
func (r *RootNode) eachByID() Statement {
	s := r.rootByID()
	on := make([]string, len(r.ID))
	for i, k := range r.ID {
		_, value := unnested(i, k.Cast, k.nested)
		on[i] = "r.i" + strconv.Itoa(i) + " = " + value
	}
	s.tail = ") with ordinality p(" + numbered("k", len(r.ID)) + ", n) cross join lateral (select * from " + r.Body() +
		" where " + strings.Join(on, " and ") + " offset 0) r order by p.n"
	return s
}

// DuplicateKeys finds a key that several roots have.
func (r *RootNode) DuplicateKeys() Statement {
	s := r.rootPages()
	keys := numbered("k", len(r.Key))
	texts := make([]string, len(r.Key))
	for i := range texts {
		texts[i] = fmt.Sprintf("min(k%d::text)", i)
	}
	s.head = fmt.Sprintf("%s%s from (select %s from %s where true", copyHead, strings.Join(texts, ", "), numbered("r.k", len(r.Key)), r.Body())
	s.tail = ") s group by " + keys + " having count(*) > 1"
	return s
}

// AllIDs lists the ids of the whole root table, whatever its filter says.
func (r *RootNode) AllIDs() string {
	return copyHead + r.idTexts("t0") + " from " + r.Relation.SQL + " t0" + copyTail
}

func (r *RootNode) idTexts(table string) string {
	list := make([]string, len(r.ID))
	for i, k := range r.ID {
		list[i] = table + "." + session.QuoteIdent(k.Name) + "::text"
	}
	return strings.Join(list, ", ")
}
