package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"humpty/sources"
	"humpty/sources/postgres/session"
)

// openView is a view, and the plan it goes by if that is cut into chunks.
func openView(t *testing.T, d *database, c Config) (sources.Plan, sources.View) {
	t.Helper()
	s := d.source(c)
	var plan sources.Plan
	if c.Chunks > 0 {
		var err error
		if plan, err = s.Plan(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close(context.WithoutCancel(t.Context())) })
	return plan, v
}

const rowsSQL = "create table t (id int primary key, v int, w text); insert into t select i, i, 'w' || i from generate_series(1, 1000) i; analyze"

func TestAlteredBetweenPlanAndOpen(t *testing.T) {
	t.Parallel()
	for change, want := range map[string][]string{
		"alter table t alter v type text": {"public.t.v changed its type since it was planned", "plan again"},
		"alter table t drop w":            {"public.t was changed since it was planned", "public.t.w is not where it was"},
		"alter table t add x int":         {"public.t.x is new"},
		"drop table t":                    {"there is no table t"},
	} {
		d := newDatabase(t, rowsSQL)
		s := d.source(Config{Shape: sources.Shape{From: "t"}})
		if _, err := s.Plan(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.Exec(change)
		_, err := s.Open(t.Context())
		contains(t, err, want...)
		if left := d.left(t); len(left) > 0 {
			t.Errorf("%s: left behind: %q", change, left)
		}
	}
}

// TestAlteredInTheMiddle: while a snapshot is read its tables cannot change; DDL waits.
func TestAlteredInTheMiddle(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	plan, v := openView(t, d, Config{Shape: sources.Shape{From: "t"}, Chunks: 2})
	for _, ddl := range []string{"drop table t", "alter table t alter v type text", "truncate t"} {
		err := d.Try("set lock_timeout = 50; " + ddl)
		contains(t, err, "lock timeout")
	}
	n := 0
	for _, p := range plan.Partitions {
		n += len(readPartition(t, v, p, "", 1000))
	}
	if n != 1000 {
		t.Errorf("%d documents, want 1000", n)
	}
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Exec("drop table t")
}

func TestLockedTable(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL, "begin; lock table t in access exclusive mode")
	s := d.source(Config{Shape: sources.Shape{From: "t"}, LockTimeout: 100 * time.Millisecond})
	_, err := s.Open(t.Context())
	contains(t, err, "table t is locked by another transaction", "lock_timeout")
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	_, v := openView(t, d, Config{
		StatementTimeout: 300 * time.Millisecond,
		Shape:            sources.Shape{From: "t", Columns: []sources.Column{{Field: "x", Expr: "case when id = 999 then pg_sleep(60)::text end"}}},
	})
	r, err := v.Read(t.Context(), sources.Partition{ID: "t/0"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(t.Context()) }()
	for err == nil {
		err = r.Next(t.Context(), &sources.Batch{})
	}
	contains(t, err, "partition t/0", "public.t", "statement timeout")
	if again := r.Next(t.Context(), &sources.Batch{}); again == nil || errors.Is(again, io.EOF) {
		t.Errorf("a spent reader says %v", again)
	}
}

// TestLostSessions: the session that holds the snapshot, or one that reads, is ended.
func TestLostSessions(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	plan, v := openView(t, d, Config{Shape: sources.Shape{From: "t"}, Chunks: 4})
	first, err := v.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	pids := d.Rows("select pid from pg_stat_activity where state = 'idle in transaction' and application_name = " + session.QuoteLiteral(d.name()) + " order by backend_start")
	if len(pids) != 2 {
		t.Fatalf("sessions: %v", pids)
	}
	holder, reading := pids[0][0], pids[1][0]
	kill := func(pid string) {
		d.Exec("select pg_terminate_backend(" + pid + ", 5000)")
	}
	kill(reading)
	contains(t, first.Next(t.Context(), &sources.Batch{}), plan.Partitions[0].ID)
	if err := first.Close(t.Context()); err != nil {
		t.Error(err)
	}
	// another session takes its place, in the same snapshot
	if n := len(readPartition(t, v, plan.Partitions[0], "", 1000)); n < 200 || n > 300 {
		t.Errorf("%d documents, want about 250", n)
	}
	kill(holder)
	a, err := v.Read(t.Context(), plan.Partitions[1], "") // the idle session still has the snapshot
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close(t.Context()) }()
	_, err = v.Read(t.Context(), plan.Partitions[2], "")
	contains(t, err, "the session that holds the snapshot (pid ", "is gone", "start the pass again")
}

func TestCancelInTheMiddleOfAQuery(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	_, v := openView(t, d, Config{Shape: sources.Shape{From: "t", Columns: []sources.Column{{Field: "x", Expr: "case when id = 999 then pg_sleep(60)::text end"}}}})
	r, err := v.Read(t.Context(), sources.Partition{ID: "t/0"}, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for err == nil {
		err = r.Next(ctx, &sources.Batch{})
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}
	began := time.Now()
	_, _ = r.Close(ctx), v.Close(ctx)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("closing took %s", took)
	}
	if left := d.left(t); len(left) > 0 { // the server stopped, too
		t.Errorf("left behind: %q", left)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	plan, v := openView(t, d, Config{Shape: sources.Shape{From: "t"}, Chunks: 4, MaxConnections: 3})
	if plan.Readers != 2 {
		t.Errorf("%d readers, want 2", plan.Readers)
	}
	for range plan.Readers {
		r, err := v.Read(t.Context(), plan.Partitions[0], "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close(t.Context()) }()
	}
	_, err := v.Read(t.Context(), plan.Partitions[0], "")
	contains(t, err, "2 partitions are being read already")
	_, err = v.Read(t.Context(), plan.Partitions[0], `["1","2"]`)
	contains(t, err, "it belongs to another definition")
}

// TestPartitionsAreBalanced: by rows under sparse keys, by bytes under skewed rows.
func TestPartitionsAreBalanced(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create table sparse (id int8 primary key); insert into sparse select i::int8 * i * i from generate_series(1, 20000) i;
create table skewed (id int primary key, pad text); alter table skewed alter pad set storage external;
insert into skewed select i, repeat('x', case when i % 10000 < 1000 then 500 else 0 end) from generate_series(1, 20000) i;
create table large (id uuid primary key, pad text); insert into large select md5(i::text)::uuid, repeat('x', 1500) from generate_series(1, 45000) i; analyze`)
	for table, c := range map[string]struct{ weight, most string }{
		"sparse": {"1", "1.1"}, "skewed": {"24 + octet_length(pad)", "1.3"}, "large": {"1", "2.5"},
	} {
		plan, _ := openView(t, d, Config{Chunks: 8, Shape: sources.Shape{From: table}})
		if len(plan.Partitions) != 8 {
			t.Errorf("%s: %d partitions", table, len(plan.Partitions))
		}
		var cases strings.Builder
		for i, p := range plan.Partitions[:len(plan.Partitions)-1] {
			fmt.Fprintf(&cases, "when id <= '%s' then %d ", strings.Trim(p.To, `["]`), i)
		}
		for _, row := range d.Rows(fmt.Sprintf("select part, sum(w) from (select case %s else 99 end part, %s w from %s) x group by 1 having sum(w) > %s * (select sum(%[2]s) / 8.0 from %[3]s)", cases.String(), c.weight, table, c.most)) {
			t.Errorf("%s: partition %s weighs %s, more than %s times its share", table, row[0], row[1], c.most)
		}
	}
}

// TestQueryIsCutBySample: what a query makes of a row is worked out for few rows only, or
// a document that PostgreSQL builds would cost as much to plan as to read.
func TestQueryIsCutBySample(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create table t (id int primary key, n int); insert into t select i, case when i % 20000 < 4000 then 500 else 0 end from generate_series(1, 40000) i; analyze;
create sequence made cache 1; create function dear(n int) returns text language sql stable as $$ select repeat('x', n) from (select nextval('made')) s $$`)
	shape := sources.Shape{Query: "select id, dear(n) as pad from t", ID: []string{"id"}}
	s := d.source(Config{Chunks: 4, Shape: shape})
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if made := session.ParseInt(d.Rows("select last_value from made")[0][0]); made > 15_000 {
		t.Errorf("the column was worked out %d times for 40,000 rows", made)
	}
	if plan.Rows != 40_000 || len(plan.Partitions) != 4 {
		t.Fatalf("%d rows in %d partitions", plan.Rows, len(plan.Partitions))
	}
	for i, p := range plan.Partitions[:3] { // a quarter of the weight: 2,000 or so of the heavy ones
		row := d.Rows("select count(*) filter (where n > 0) from t where id <= " + strings.Trim(p.To, `["]`))[0]
		if heavy, want := session.ParseInt(row[0]), int64(2000*(i+1)); heavy < want*7/10 || heavy > want*13/10 {
			t.Errorf("behind partition %d are %d heavy rows, not about %d", i, heavy, want)
		}
	}
}

// TestIncludesAreWeighed: a few keys have most of the rows of an include.
func TestIncludesAreWeighed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create table parent (id int primary key); insert into parent select generate_series(1, 20000);
create table child (id int, no int, note text, primary key (id, no));
insert into child select i, n, repeat('x', 50) from generate_series(1, 20000) i, generate_series(1, 40) n where n <= case when i % 10000 < 1000 then 40 else 1 end; analyze`)
	shape := sources.Shape{From: "parent", Include: []sources.Shape{{Name: "id", From: "child", Many: true, On: on("id", "id")}}}
	shape.Columns = []sources.Column{{Field: "key", Expr: "id", Plain: true}}
	plan, v := openView(t, d, Config{Chunks: 8, Shape: shape})
	if len(plan.Partitions) != 8 {
		t.Fatalf("%d partitions", len(plan.Partitions))
	}
	var sizes []int
	total := 0
	for _, p := range plan.Partitions {
		size := 0
		for _, r := range readPartition(t, v, p, "", 1<<20) {
			size += len(r.Value)
		}
		sizes, total = append(sizes, size), total+size
	}
	for i, size := range sizes {
		if size > total/8*14/10 || size < total/8*6/10 {
			t.Errorf("partition %d has %d bytes of %d in 8: %v", i, size, total, sizes)
		}
	}
}

// TestAlteredWhileLive: no snapshot keeps the tables then, and a value of four bytes does
// not tell what it is. What was read before is good; nothing is read after.
func TestAlteredWhileLive(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"alter table t alter v type float4": "a column's type was changed",
		"alter table t drop w":              "a column or table dropped",
		"drop table t":                      "a column or table dropped",
		"alter table t add x int":           "",
	} {
		d := newDatabase(t, rowsSQL)
		s := d.source(Config{PageBytes: 1000, Shape: sources.Shape{From: "t"}})
		s.live = true
		v, err := s.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := v.Read(t.Context(), sources.Partition{ID: "t/0"}, "")
		if err != nil {
			t.Fatal(err)
		}
		var b sources.Batch
		b.Limit = 1
		if err := r.Next(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		d.Exec(change)
		b.Limit = 0
		for err == nil {
			err = r.Next(t.Context(), &b)
		}
		var looked sources.Batch
		lookErr := v.(sources.Lookup).Lookup(t.Context(), [][]byte{[]byte("5")}, &looked)
		if want == "" {
			if !errors.Is(err, io.EOF) || len(b.Records) != 1000 || lookErr != nil {
				t.Errorf("%s: %d documents, %v, %v", change, len(b.Records), err, lookErr)
			}
		} else {
			contains(t, err, "partition t/0", want, "start a new rebuild")
			contains(t, lookErr, want)
		}
		_, _ = r.Close(t.Context()), v.Close(t.Context())
	}
}
