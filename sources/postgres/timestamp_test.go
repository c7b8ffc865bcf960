package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/cdc"
)

const updatedSQL = `
create table shelf (id int primary key, name text);
create table book (id int primary key, shelf int, title text, changed timestamptz not null default clock_timestamp());
create table page (book int, n int, text text, changed timestamp not null default (clock_timestamp() at time zone 'UTC'), primary key (book, n));
create index on page (changed);
insert into shelf values (1, 'a');
insert into book select i, 1, 'old', now() - interval '1 day' from generate_series(1, 5) i;
insert into page select i, 1, 'old', now() - interval '1 day' from generate_series(1, 5) i;`

func updatedShape() sources.Shape {
	return sources.Shape{From: "book", Include: []sources.Shape{
		{Name: "pages", From: "page", On: on("book", "id"), Many: true, Columns: plain("n", "text")},
		{Name: "place", From: "shelf", On: on("id", "shelf"), One: true, Columns: plain("name")},
	}, Columns: plain("id", "title")}
}

// keysUntilFence gives all marks up to a fence that is set now.
func keysUntilFence(t *testing.T, feed sources.ChangeStream) (all []string) {
	t.Helper()
	id, err := feed.Fence(t.Context())
	for m := (sources.ChangeSet{}); err == nil && m.Fence != id; err = feed.Next(t.Context(), &m) {
		for _, mark := range m.Keys {
			all = append(all, strings.TrimPrefix(mark.Node+" "+mark.Key, " "))
		}
		if !(sources.TxSnapshot{Min: 3}).Sees(m.Xid) {
			t.Error("a read that follows does not settle the marks")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// The column tells which rows were written since, of the root and of includes, each once;
// the load is of one snapshot, and what is read again of the present.
func TestUpdatedColumnTellsWhatWasWritten(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, updatedSQL)
	s := d.source(Config{Shape: updatedShape(), Changes: Changes{Column: &cdc.TimestampColumn{Column: "changed", Margin: time.Hour}}})
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	contains(t, problem.List(plan.Warnings).Warnings(), "caught up by column changed of public.book, public.page, with a margin of 1h0m0s",
		"every row that is deleted, or moves to another parent", "of public.shelf, which have no such column, nothing is caught up with", "column changed of public.page has no time zone: it is taken for UTC")
	feed, err := s.Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = feed.Close(context.WithoutCancel(t.Context())) }()
	limited, _ := feed.(sources.Caveated)
	if text := limited.Caveats(); !strings.Contains(text, "of public.shelf, which have no such column") {
		t.Error(text)
	}
	if got := keysUntilFence(t, feed); len(got) > 0 {
		t.Errorf("nothing was written, and %q is marked", got)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = view.Close(context.WithoutCancel(t.Context())) }()
	d.Exec(`update book set title = 'new', changed = now() - interval '30 minutes' where id = 1; insert into page values (2, 7, 'new');
insert into book values (6, 1, 'new')`)
	if docs := readPartition(t, view, plan.Partitions[0], "", 1000); len(docs) != 5 || strings.Contains(string(docs[0].Value), "new") {
		t.Errorf("the load is not of the snapshot: %d documents, %s", len(docs), docs[0].Value)
	}
	if got, want := keysUntilFence(t, feed), []string{"1", "6", `pages ["2"]`}; !slices.Equal(got, want) {
		t.Errorf("marks %q, want %q", got, want)
	}
	d.Exec("update book set title = 'newer' where id = 1; delete from book where id = 3") // with the same time
	if got, want := keysUntilFence(t, feed), []string{"1"}; !slices.Equal(got, want) {
		t.Errorf("marks %q, want %q", got, want)
	}
	var b sources.Batch
	reread, _ := view.(sources.Expander)
	var ids []string
	_, err = reread.Expand(t.Context(), []sources.DirtyKey{{Node: "pages", Key: `["2"]`}}, func(found [][]byte) error {
		for _, id := range found {
			ids = append(ids, string(id))
		}
		return nil
	})
	if err == nil {
		err = reread.Lookup(t.Context(), [][]byte{[]byte("1"), []byte("3")}, &b)
	}
	if err != nil || !slices.Equal(ids, []string{"2"}) || len(b.Records) != 2 || !strings.Contains(string(b.Records[0].Value), "newer") || !b.Records[1].Deleted {
		t.Errorf("expanded %q, read %+v, %v", ids, b.Records, err)
	}
	if docs := readPartition(t, view, plan.Partitions[0], "", 1000); len(docs) != 5 || !strings.Contains(string(docs[0].Value), "newer") {
		t.Errorf("behind the load the present is read: %d documents, %s", len(docs), docs[0].Value)
	}
	if left := d.Rows("select (select count(*) from pg_publication) + (select count(*) from pg_replication_slots where database = current_database())")[0][0]; left != "0" {
		t.Errorf("%s slots and publications", left)
	}
}

func TestUpdatedColumnThatIsNone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, updatedSQL, "alter table page rename changed to other; alter table page add changed text")
	for column, want := range map[string][]string{
		"nothing": {"public.book has no column nothing, so nothing says what was written meanwhile", "or leave catch_up out"},
		"changed": {"column changed of public.page is of type", "it must be a timestamptz, or a timestamp in UTC"},
	} {
		_, err := d.source(Config{Shape: updatedShape(), Changes: Changes{Column: &cdc.TimestampColumn{Column: column}}}).Plan(t.Context())
		contains(t, err, want...)
		var l problem.List
		if !errors.As(err, &l) {
			t.Errorf("%T", err)
		}
	}
}
