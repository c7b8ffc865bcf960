package postgres

import (
	"errors"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

// What the stream does not say is found at the fence.
func TestFenceFindsPartitionsThatComeAndGo(t *testing.T) {
	t.Parallel()
	c := capture(t, sources.Shape{From: "p", Columns: []sources.Column{{Expr: "*"}}}, `
create table p (id int primary key, v text) partition by range (id);
create table p1 partition of p for values from (0) to (10);
create table p2 partition of p for values from (10) to (20);
insert into p values (1, 'a'), (11, 'b')`)
	if _, err := c.feed.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Exec("alter table p detach partition p2")
	var gap *sources.ErrChangesLost
	if _, err := c.feed.Fence(t.Context()); !errors.As(err, &gap) || !strings.Contains(err.Error(), "partition") {
		t.Errorf("error %v", err)
	}
	if _, _, err := c.feed.Lag(t.Context()); !errors.As(err, &gap) {
		t.Errorf("lag: %v", err)
	}
}

// A capture does not go on with a position of another server, or of other tables.
func TestPositionBelongsToServerAndTables(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	_, first := c.changedIDs("update orders set note = '1' where id = 1")
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	lsn, rest, _ := strings.Cut(string(first.Position), " ")
	var gap *sources.ErrChangesLost
	if _, err := c.source.Capture(t.Context(), "run-1", sources.Position(lsn+" 1/1 "+rest[strings.Index(rest, " ")+1:])); !errors.As(err, &gap) || !strings.Contains(err.Error(), "another server") {
		t.Errorf("another server: %v", err)
	}
	c.Exec("alter table orders add column extra int")
	if _, err := c.source.Capture(t.Context(), "run-1", first.Position); !errors.As(err, &gap) || !strings.Contains(err.Error(), "altered") {
		t.Errorf("altered: %v", err)
	}
	if _, err := c.source.Capture(t.Context(), "run-1", "0/1"); err == nil {
		t.Error("half a position was taken")
	}
}

func TestCaptureRefusesRouting(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	d := connectTo(t, stack.Addresses().Postgres)
	d.Exec("create table r (id int primary key, tenant int)")
	_, err := d.source(Config{Shape: sources.Shape{From: "r", Routing: []string{"tenant"}}}).Capture(t.Context(), "run-1", "")
	contains(t, err, "routing", "consistency: snapshot")
}

// A many-to-many include inside another one: each has a join table of its own.
func TestExpandThroughTwoJoinTables(t *testing.T) {
	t.Parallel()
	on := func(child, parent string) []sources.Join { return []sources.Join{{Child: child, Parent: parent}} }
	id := []sources.Column{{Field: "id", Expr: "id", Plain: true}}
	c := capture(t, sources.Shape{
		From: "a", Columns: id,
		Include: []sources.Shape{{
			Name: "bs", From: "b", Many: true, Columns: id, On: on("id", "b"), Through: &sources.Through{From: "ab", Parent: on("a", "id")},
			Include: []sources.Shape{{
				Name: "cs", From: "c", Many: true, Columns: id, On: on("id", "c"), Through: &sources.Through{From: "bc", Parent: on("b", "id")},
			}},
		}},
	}, `
create table a (id int primary key); create table b (id int primary key); create table c (id int primary key, v text);
create table ab (a int, b int, primary key (a, b)); create table bc (b int, c int, primary key (b, c));
insert into a values (1), (2); insert into b values (3), (4); insert into c values (5), (6);
insert into ab values (1, 3), (2, 4); insert into bc values (3, 5), (4, 6)`)
	ids, _ := c.changedIDs("update c set v = 'x' where id = 6")
	if len(ids) != 1 || ids[0] != "2" {
		t.Errorf("touched %v, want document 2", ids)
	}
}
