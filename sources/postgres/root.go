package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// rootNode is the table that documents are made of: what they are read by, and what they
// are called.
type rootNode struct {
	*node
	key         []keyColumn // what it is chunked and re-read by
	id          []keyColumn
	routing     []keyColumn
	pages, byID statement
	version     int // selected column of the version; -1 where the engine decides
}

// addKey and addID make the node's body name the columns as k0, k1, … and i0, i1, ….
func (r *rootNode) addKey(k keyColumn) {
	r.named = append(r.named, namedColumn{"k" + strconv.Itoa(len(r.key)), k.sql})
	r.key = append(r.key, k)
}

func (r *rootNode) addID(k keyColumn) {
	r.named = append(r.named, namedColumn{"i" + strconv.Itoa(len(r.id)), k.sql})
	r.id = append(r.id, k)
}

// keyColumn is one column of a key with its text form.
type keyColumn struct {
	name string
	sql  string // the column
	col  int    // selected column that gives the text
	raw  int    // selected column with the plain value; -1 where equal values may differ in bytes
	cast string
	typ  uint32

	nested bool // no array of such values can be unnested

	text pgjson.Texter
}

// rootPages reads the root in key order.
func (r *rootNode) rootPages() statement {
	s := statement{head: copyHead + r.list() + " from " + r.body() + " where true", side: "r.k", tail: " order by " + numbered("r.k", len(r.key))}
	for _, k := range r.key {
		s.casts = append(s.casts, k.cast)
	}
	return s
}

// rootByID reads single roots.
func (r *rootNode) rootByID() statement {
	var casts []string
	on := make([]string, len(r.id))
	for i, k := range r.id {
		cast, value := unnested(i, k.cast, k.nested)
		casts = append(casts, cast)
		on[i] = "r.i" + strconv.Itoa(i) + " = " + value
	}
	return statement{
		head: copyHead + "p.n, " + r.list() + " from rows from (", casts: casts,
		tail: ") with ordinality p(" + numbered("k", len(r.id)) + ", n) join " + r.body() + " on " + strings.Join(on, " and ") + " order by p.n",
	}
}

// nullKeys finds a row whose key is NULL, which no range of keys would give.
func (r *rootNode) nullKeys() string {
	terms := strings.ReplaceAll(notNull("r.k", len(r.key)), " and ", " or ")
	return copyHead + "1 from " + r.body() + " where " + strings.ReplaceAll(terms, "is not null", "is null") + " limit 1" + copyTail
}

func (r *rootNode) keyNames() string {
	names := make([]string, len(r.key))
	for i, k := range r.key {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// eachByID is rootByID for a root that LookupShape made: a table by whose size no join of it may
// cost. DISTINCT lets a condition in, but no join; OFFSET keeps the planner from making one.
func (r *rootNode) eachByID() statement {
	s := r.rootByID()
	on := make([]string, len(r.id))
	for i, k := range r.id {
		_, value := unnested(i, k.cast, k.nested)
		on[i] = "r.i" + strconv.Itoa(i) + " = " + value
	}
	s.tail = ") with ordinality p(" + numbered("k", len(r.id)) + ", n) cross join lateral (select * from " + r.body() +
		" where " + strings.Join(on, " and ") + " offset 0) r order by p.n"
	return s
}

// duplicateKeys finds a key that several roots have.
func (r *rootNode) duplicateKeys() statement {
	s := r.rootPages()
	keys := numbered("k", len(r.key))
	texts := make([]string, len(r.key))
	for i := range texts {
		texts[i] = fmt.Sprintf("min(k%d::text)", i)
	}
	s.head = fmt.Sprintf("%s%s from (select %s from %s where true", copyHead, strings.Join(texts, ", "), numbered("r.k", len(r.key)), r.body())
	s.tail = ") s group by " + keys + " having count(*) > 1"
	return s
}

// allIDs lists the ids of the whole root table, whatever its filter says.
func (r *rootNode) allIDs() string {
	return copyHead + r.idTexts("t0") + " from " + r.rel.sql + " t0" + copyTail
}

func (r *rootNode) idTexts(table string) string {
	list := make([]string, len(r.id))
	for i, k := range r.id {
		list[i] = table + "." + session.QuoteIdent(k.name) + "::text"
	}
	return strings.Join(list, ", ")
}
