package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

const liveSchema = `
create table nation (id int primary key, name text);
create table customer (id int primary key, nation int references nation, name text);
create table orders (id int primary key, customer int, note text);
create table line (order_id int, n int, product int, primary key (order_id, n));
create table product (id int primary key, name text);
create table tag (id int primary key, name text);
create table order_tag (order_id int, tag_id int, primary key (order_id, tag_id));
create index on customer (nation); create index on orders (customer); create index on line (product); create index on order_tag (tag_id);
insert into nation values (1, 'FRANCE'), (2, 'PERU');
insert into customer values (10, 1, 'Ann'), (20, 2, 'Bob');
insert into orders values (1, 10, 'x'), (2, 10, 'y'), (3, 20, 'z'), (4, null, 'w');
insert into product values (7, 'nut'), (8, 'bolt');
insert into line values (1, 1, 7), (1, 2, 8), (2, 1, 8), (3, 1, 7);
insert into tag values (5, 'red'), (6, 'blue');
insert into order_tag values (1, 5), (3, 5), (3, 6);`

func liveShape() sources.Shape {
	all := []sources.Column{{Expr: "*"}}
	on := func(child, parent string) []sources.Join { return []sources.Join{{Child: child, Parent: parent}} }
	return sources.Shape{
		From: "orders", Columns: all,
		Include: []sources.Shape{
			{
				Name: "buyer", From: "customer", On: on("id", "customer"), One: true, Columns: all,
				Include: []sources.Shape{{Name: "land", From: "nation", On: on("id", "nation"), One: true, Columns: all}},
			},
			{
				Name: "lines", From: "line", On: on("order_id", "id"), Many: true, Columns: all,
				Include: []sources.Shape{{Name: "item", From: "product", On: on("id", "product"), One: true, Columns: all}},
			},
			{
				Name: "tags", From: "tag", On: on("id", "tag_id"), Many: true, Values: "name",
				Through: &sources.Through{From: "order_tag", Parent: on("order_id", "id")},
			},
		},
	}
}

// captureTest is a source that is captured, on a server of its own: creating a slot waits
// for the transactions of every database.
type captureTest struct {
	*database
	source *Source
	feed   sources.ChangeStream
	view   sources.Expander
}

func capture(t *testing.T, shape sources.Shape, sql ...string) *captureTest {
	t.Helper()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	c := &captureTest{database: connectTo(t, stack.Addresses().Postgres)}
	for _, s := range sql {
		c.Exec(s)
	}
	c.source = c.database.source(Config{Shape: shape})
	var err error
	if c.feed, err = c.source.Capture(t.Context(), "run-1", ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.feed.Close(context.WithoutCancel(t.Context())) })
	v, err := c.source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close(context.WithoutCancel(t.Context())) })
	c.view = v.(sources.Expander)
	return c
}

// changedIDs runs a statement and returns the ids of the documents that its marks lead to.
func (c *captureTest) changedIDs(sql string) (ids []string, marks sources.ChangeSet) {
	c.T.Helper()
	c.Exec(sql)
	if err := c.feed.Next(c.T.Context(), &marks); err != nil {
		c.T.Fatalf("%s: %v", sql, err)
	}
	var wide []sources.DirtyKey
	for _, m := range marks.Keys {
		if m.Node == "" && !m.All {
			ids = append(ids, m.Key)
		} else {
			wide = append(wide, m)
		}
	}
	if len(wide) > 0 {
		saw, err := c.view.Expand(c.T.Context(), wide, func(found [][]byte) error {
			for _, id := range found {
				ids = append(ids, string(id))
			}
			return nil
		})
		if err != nil {
			c.T.Fatalf("%s: expand %+v: %v", sql, wide, err)
		}
		if !saw.Sees(marks.Xid) {
			c.T.Errorf("%s: the snapshot %+v does not see transaction %d", sql, saw, marks.Xid)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), marks
}

func TestChangesLeadToTheirDocuments(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	for _, tc := range []struct{ sql, want string }{
		{"update orders set note = 'new' where id = 1", "1"},
		{"insert into orders values (5, 20, 'v')", "5"},
		{"update orders set id = 50 where id = 5", "5 50"},
		{"delete from orders where id = 50", "50"},
		{"update line set product = 7 where order_id = 2", "2"},
		{"update line set order_id = 3, n = 9 where order_id = 1 and n = 2", "1 3"},
		{"delete from line where order_id = 3 and n = 9", "3"},
		{"insert into line values (4, 1, 8)", "4"},
		{"update product set name = 'walnut' where id = 7", "1 2 3"},
		{"update customer set name = 'Anna' where id = 10", "1 2"},
		{"update customer set nation = 1 where id = 20", "3"},
		{"update nation set name = 'FR' where id = 1", "1 2 3"},
		{"update tag set name = 'green' where id = 5", "1 3"},
		{"insert into order_tag values (2, 6)", "2"},
		{"delete from order_tag where order_id = 3 and tag_id = 5", "3"},
		{"begin; update orders set note = 'a' where id = 4; update orders set note = 'b' where id = 4; update tag set name = 'x' where id = 6; commit", "2 3 4"},
		{"truncate line", "1 2 3 4"},
	} {
		got, _ := c.changedIDs(tc.sql)
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s\n touches %v, want %s", tc.sql, got, tc.want)
		}
	}
}

func TestLookupReadsThePresent(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	_, marks := c.changedIDs("update product set name = 'walnut' where id = 7")
	c.Exec("delete from orders where id = 2")
	b := &sources.Batch{}
	if err := c.view.Lookup(t.Context(), [][]byte{[]byte("1"), []byte("2")}, b); err != nil {
		t.Fatal(err)
	}
	if len(b.Records) != 2 || !b.Counts.Balanced() {
		t.Fatalf("%d records, counts %+v", len(b.Records), b.Counts)
	}
	for _, r := range b.Records {
		switch string(r.Key) {
		case "1":
			if !strings.Contains(string(r.Value), `"walnut"`) {
				t.Errorf("document 1 is not of now: %s", r.Value)
			}
		case "2":
			if !r.Deleted {
				t.Errorf("document 2 is deleted, but came as %s", r.Value)
			}
		}
	}
	if !b.Snapshot.Sees(marks.Xid) || b.Snapshot.Max == 0 {
		t.Errorf("snapshot %+v, transaction %d", b.Snapshot, marks.Xid)
	}
}

func TestFenceComesBehindWhatIsCommitted(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	c.Exec("set synchronous_commit = off; update orders set note = 'late' where id = 1")
	id, err := c.feed.Fence(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var met []string
	for range 2 {
		var m sources.ChangeSet
		if err := c.feed.Next(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
		met = append(met, m.Fence)
		if err := c.feed.Acknowledge(t.Context(), m.Position); err != nil {
			t.Fatal(err)
		}
	}
	if met[0] != "" || met[1] != id {
		t.Errorf("fences met: %q, want the change first, then %s", met, id)
	}
	if _, held, err := c.feed.Lag(t.Context()); err != nil || held < 0 {
		t.Errorf("lag: %d, %v", held, err)
	}
}

func TestCaptureGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	_, first := c.changedIDs("update orders set note = '1' where id = 1")
	c.changedIDs("update orders set note = '2' where id = 2") // read, but not made durable
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.feed, err = c.source.Capture(t.Context(), "run-1", first.Position); err != nil {
		t.Fatal(err)
	}
	var again sources.ChangeSet
	if err := c.feed.Next(t.Context(), &again); err != nil {
		t.Fatal(err)
	}
	if len(again.Keys) != 1 || again.Keys[0].Key != "2" {
		t.Errorf("after the position came %+v", again)
	}
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := c.source.Release(t.Context(), "run-1"); err != nil {
		t.Fatal(err)
	}
	if left := c.Rows("select slot_name from pg_replication_slots union all select pubname from pg_publication"); len(left) != 0 {
		t.Errorf("left on the source: %v", left)
	}
	if err := c.source.Release(t.Context(), "run-1"); err != nil {
		t.Errorf("a second release: %v", err)
	}
	var gap *sources.ErrChangesLost
	if _, err := c.source.Capture(t.Context(), "run-1", again.Position); !errors.As(err, &gap) {
		t.Errorf("a capture whose slot is gone: %v", err)
	}
}

// While nothing of ours changes, the position moves on all the same, and the slot never
// gets ahead of what was given out: a run that goes on would find a gap.
func TestQuietTablesMoveThePosition(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema, "create table other (id int)")
	_, first := c.changedIDs("update orders set note = 'a' where id = 1")
	c.Exec("insert into other select generate_series(1, 1000)")
	var m sources.ChangeSet
	if err := c.feed.Next(t.Context(), &m); err != nil || len(m.Keys) > 0 || m.Fence != "" || m.Position == first.Position {
		t.Fatalf("%+v, %v", m, err)
	}
	again, err := c.source.Capture(t.Context(), "run-1", first.Position) // nobody said that m is durable
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Acknowledge(t.Context(), m.Position); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err = c.source.Capture(t.Context(), "run-1", m.Position); err != nil { // now it is
		t.Fatal(err)
	}
	_ = again.Close(t.Context())
}

// The first reader is not closed: its machine is gone, and the server does not know.
func TestCaptureGoesOnThoughADeadReaderHoldsIt(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	_, first := c.changedIDs("update orders set note = 'a' where id = 1")
	c.Exec("update orders set note = 'b' where id = 2")
	again, err := c.source.Capture(t.Context(), "run-1", first.Position)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close(context.WithoutCancel(t.Context())) }()
	var m sources.ChangeSet
	for len(m.Keys) == 0 || m.Keys[0].Key != "2" {
		if err := again.Next(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
	}
	c.Exec("update orders set note = 'c' where id = 3")
	for err == nil { // what it had received before it was ended
		if err = c.feed.Next(t.Context(), &m); len(m.Keys) > 0 && m.Keys[0].Key == "3" {
			t.Fatal("both read the slot")
		}
	}
}

func TestSlotThatMovedOnIsAGap(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	_, first := c.changedIDs("update orders set note = '1' where id = 1")
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Exec("set synchronous_commit = on; update orders set note = '2' where id = 2")
	for end := time.Now().Add(10 * time.Second); ; {
		err := c.Try("select pg_replication_slot_advance('humpty_run_1', pg_current_wal_lsn())")
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	var gap *sources.ErrChangesLost
	if _, err := c.source.Capture(t.Context(), "run-1", first.Position); !errors.As(err, &gap) || !strings.Contains(err.Error(), "moved on") {
		t.Errorf("error %v", err)
	}
}

func TestAlteredTableEndsTheCapture(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	c.changedIDs("update orders set note = '1' where id = 1")
	c.Exec("alter table orders add column extra int")
	c.Exec("update orders set note = '2' where id = 2")
	var m sources.ChangeSet
	contains(t, c.feed.Next(t.Context(), &m), "orders", "altered during the run")
}

func TestCaptureDemandsIdentities(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	d := connectTo(t, stack.Addresses().Postgres)
	d.Exec(`create table orders (id int primary key);
create table line (id int primary key, order_id int not null);
create table note (id int primary key, order_id int);
create table stamp (order_id int)`)
	many := func(name string) sources.Shape {
		return sources.Shape{Name: name, From: name, Many: true, On: []sources.Join{{Child: "order_id", Parent: "id"}}, Columns: []sources.Column{{Expr: "*"}}}
	}
	stamp := many("stamp")
	stamp.OrderBy = []sources.Order{{Column: "order_id"}}
	shape := sources.Shape{From: "orders", Columns: []sources.Column{{Expr: "*"}}, Include: []sources.Shape{many("line"), many("note"), stamp}}
	_, err := d.source(Config{Shape: shape}).Capture(t.Context(), "x", "")
	contains(t, err,
		"identity of public.line does not hold order_id",
		`CREATE UNIQUE INDEX CONCURRENTLY "line_humpty_identity" ON public.line ("order_id", "id");`, `USING INDEX "line_humpty_identity"`,
		"identity of public.note does not hold order_id", "ALTER TABLE public.note REPLICA IDENTITY FULL",
		"public.stamp has no replica identity", "make the application's updates and deletes fail")
	if left := d.Rows("select slot_name from pg_replication_slots union all select pubname from pg_publication"); len(left) != 0 {
		t.Errorf("left on the source: %v", left)
	}
}

func TestSlotWaitsAndNamesTheTransaction(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	d := connectTo(t, stack.Addresses().Postgres)
	d.Exec(liveSchema)
	other := connectTo(t, d.DSN)
	other.Exec("begin; update orders set note = 'open' where id = 1")
	s := d.source(Config{Shape: liveShape()})
	s.captureTimeout = time.Second
	_, err := s.Capture(t.Context(), "x", "")
	contains(t, err, "waits for open transactions", "pid "+other.Rows("select pg_backend_pid()")[0][0], "idle in transaction")
	if left := d.Rows("select slot_name from pg_replication_slots union all select pubname from pg_publication"); len(left) != 0 {
		t.Errorf("left on the source: %v", left)
	}
}

func TestPartitionedTablesAreCapturedLeafByLeaf(t *testing.T) {
	t.Parallel()
	shape := sources.Shape{From: "orders", Columns: []sources.Column{{Expr: "*"}}}
	c := capture(t, shape, `create table orders (note text, id int primary key) partition by range (id);
create table orders_1 partition of orders for values from (0) to (100);
create table orders_2 (id int not null, note text);
alter table orders attach partition orders_2 for values from (100) to (200);
insert into orders (id, note) values (1, 'a'), (101, 'b')`)
	for _, tc := range []struct{ sql, want string }{
		{"update orders set note = 'x' where id = 101", "101"},
		{"update orders set id = 102 where id = 1", "1 102"},
		{"truncate orders_1", "101 102"},
	} {
		if got, _ := c.changedIDs(tc.sql); strings.Join(got, " ") != tc.want {
			t.Errorf("%s\n touches %v, want %s", tc.sql, got, tc.want)
		}
	}
}
