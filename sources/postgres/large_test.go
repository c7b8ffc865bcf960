package postgres

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"humpty/sources"
)

// TestLargeDocuments: one of 50 MB passes, in one column or in many rows, and nothing of
// it is held afterwards.
func TestLargeDocuments(t *testing.T) {
	t.Parallel()
	const large = 50_000_000
	d := newDatabase(t, `create table r (id int primary key, pad text); insert into r select i, case when i = 300 then repeat('p', 50000000) else '' end from generate_series(1, 1000) i;
create table c (id int, n int, v text, primary key (id, n)); insert into c select i, 1, 'v' from generate_series(1, 1000) i;
insert into c select 600, n, repeat('w', 10000) from generate_series(2, 5001) n; analyze`)
	_, v := opened(t, d, Config{Shape: sources.Shape{From: "r", Include: []sources.Shape{{Name: "c", From: "c", Many: true, On: on("id", "id"), Columns: plain("v")}}}})
	rd, err := v.Read(t.Context(), sources.Partition{ID: "r"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rd.Close(t.Context()) }()
	p, db := rd.(*reader).page, rd.(*reader).db
	seen, found := 0, 0
	for {
		b := sources.Batch{Limit: 1 << 20}
		if err := rd.Next(t.Context(), &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen += len(b.Records)
		for _, r := range b.Records {
			if len(r.Value) < large {
				continue
			}
			found++
			if n := bytes.Count(r.Value, []byte("p")) + bytes.Count(r.Value, []byte("w")); n != large+1 { // the name pad has one
				t.Errorf("document %s has %d of %d letters", r.Key, n, large)
			}
		}
	}
	if seen != 1000 || found != 2 {
		t.Errorf("%d documents, %d of them large", seen, found)
	}
	held := cap(db.buf)
	for i := range p.byNode {
		held += cap(p.byNode[i].data)
	}
	if held > 20<<20 {
		t.Errorf("%d bytes are held at the end", held)
	}
}

// TestPagesAreReused: a page that has grown serves the next partition, so memory does
// not depend on how many there are.
func TestPagesAreReused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	plan, v := opened(t, d, Config{Shape: sources.Shape{From: "t"}, Chunks: 5})
	var first *page
	n := 0
	for _, p := range plan.Partitions {
		r, err := v.Read(t.Context(), p, "")
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = r.(*reader).page
		}
		if r.(*reader).page != first {
			t.Errorf("%s has a page of its own", p.ID)
		}
		for {
			var b sources.Batch
			if err := r.Next(t.Context(), &b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			n += len(b.Records)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n != 1000 {
		t.Errorf("%d documents, want 1000", n)
	}
}
