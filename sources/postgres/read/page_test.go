package read

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"humpty/sources"
	"humpty/sources/postgres/pgtest"
)

// TestSkew reads one huge document among small ones: pages stay small around it.
func TestSkew(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t, `create table r (id int primary key, pad text); insert into r select i, case when i = 700 then repeat('p', 3000000) else '' end from generate_series(1, 3000) i;
create table c (id int, n int, v text, primary key (id, n)); insert into c select i, n, repeat('v', 300) from generate_series(1, 3000) i, generate_series(1, 2) n;
insert into c select 2000, n, repeat('w', 1000) from generate_series(3, 20000) n; analyze`)
	v, _ := openView(t, d, sources.Shape{From: "r", Include: []sources.Shape{{Name: "c", From: "c", Many: true, On: []sources.Join{{Child: "id", Parent: "id"}}}}}, 100_000, 1)
	rd, err := v.Read(t.Context(), sources.Partition{ID: "r"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rd.Close(t.Context()) }()
	p := rd.(*reader).page
	b := sources.Batch{Limit: 1}
	var seen, rows int
	for {
		b.Reset()
		if err := rd.Next(t.Context(), &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		rows += bytes.Count(b.Records[0].Value, []byte(`"n":`))
		if p.n > 1 && p.size > 5*p.maxBytes {
			t.Errorf("a page of %d documents holds %d bytes", p.n, p.size)
		}
	}
	if seen != 3000 || rows != 6000+19998 {
		t.Errorf("%d documents with %d rows", seen, rows)
	}
	held := 0
	for i := range p.byNode {
		held += cap(p.byNode[i].data)
	}
	if held > 20*p.maxBytes {
		t.Errorf("%d bytes are held at the end", held)
	}
}

// TestLargeDocuments: one of 50 MB passes, in one column or in many rows, and nothing of
// it is held afterwards.
func TestLargeDocuments(t *testing.T) {
	t.Parallel()
	const large = 50_000_000
	d := pgtest.New(t, `create table r (id int primary key, pad text); insert into r select i, case when i = 300 then repeat('p', 50000000) else '' end from generate_series(1, 1000) i;
create table c (id int, n int, v text, primary key (id, n)); insert into c select i, 1, 'v' from generate_series(1, 1000) i;
insert into c select 600, n, repeat('w', 10000) from generate_series(2, 5001) n; analyze`)
	line := sources.Shape{Name: "c", From: "c", Many: true, On: []sources.Join{{Child: "id", Parent: "id"}}, Columns: []sources.Column{{Field: "v", Expr: "v", Plain: true}}}
	v, _ := openView(t, d, sources.Shape{From: "r", Include: []sources.Shape{line}}, 2<<20, 1)
	rd, err := v.Read(t.Context(), sources.Partition{ID: "r"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rd.Close(t.Context()) }()
	p := rd.(*reader).page
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
	held := 0 // besides the session's buffer
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
	d := pgtest.New(t, "create table t (id int primary key, v int, w text); insert into t select i, i, 'w' || i from generate_series(1, 1000) i; analyze")
	v, parts := openView(t, d, sources.Shape{From: "t"}, 2<<20, 5)
	if len(parts) != 5 {
		t.Fatalf("%d partitions, want 5", len(parts))
	}
	var first *page
	n := 0
	for _, p := range parts {
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
