package postgres

import (
	"slices"
	"strings"
	"testing"

	"humpty/sources"
)

// The parts named a are so long that they are stored out of line.
const toastSchema = `
create table author (a text, b text, name text, primary key (a, b));
create table book (id int primary key, a text, b text, title text);
create table award (id int primary key, name text);
create table author_award (a text, b text, award int, note text, primary key (a, b, award));
alter table author alter a set storage external; alter table book alter a set storage external; alter table author_award alter a set storage external;
alter table book replica identity full;
insert into author select repeat('x', 2500), b, 'n' from (values ('1'), ('2'), ('3')) y(b);
insert into book select 1, a, b, 't' from author where b = '1'; insert into award values (1, 'p');
insert into author_award select a, b, 1 from author where b = '1';`

// An update that leaves a long part of a composite key as it is does not send that part again.
// It is the old row's.
func TestUnchangedLongPartOfAKey(t *testing.T) {
	t.Parallel()
	pair := []sources.Join{{Child: "a", Parent: "a"}, {Child: "b", Parent: "b"}}
	c := capture(t, sources.Shape{From: "author", Columns: plain("name"), Include: []sources.Shape{
		{Name: "books", From: "book", Many: true, On: pair, Columns: plain("id")},
		{Name: "awards", From: "award", Many: true, On: on("id", "award"), Columns: plain("id"), Through: &sources.Through{From: "author_award", Parent: pair}},
	}}, toastSchema)
	for _, tc := range []struct{ sql, want string }{
		{"update book set b = '2'", "1 2"},
		{"update book set b = null", "2"},
		{"update book set b = '3'", "3"},
		{"update book set a = null", "3"},
		{"update book set title = 'u', a = (select min(a) from author)", "3"},
		{"update book set title = 'v'", "3"},
		{"update author_award set b = '2'", "1 2"},
		{"update author_award set note = 'n'", "2"},
		{"update author set b = '4' where b = '3'", "3 4"},
		{"update author set name = 'm' where b = '4'", "4"},
		{"delete from author where b = '4'", "4"},
	} {
		ids, _ := c.changedIDs(tc.sql)
		for i, id := range ids {
			ids[i] = strings.TrimLeft(id, "x:")
		}
		slices.Sort(ids)
		if got := strings.Join(ids, " "); got != tc.want {
			t.Errorf("%s touches %q, want %q", tc.sql, got, tc.want)
		}
	}
}
