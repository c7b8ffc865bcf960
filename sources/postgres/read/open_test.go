package read

import (
	"context"
	"testing"
	"time"

	"humpty/sources"
	"humpty/sources/postgres/pgtest"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// openView is a view of a database, with pages of so many bytes, and its partitions.
func openView(t *testing.T, d *pgtest.Database, shape sources.Shape, pageBytes, chunks int) (*View, []sources.Partition) {
	t.Helper()
	ctx := t.Context()
	o := session.Options{LockTimeout: time.Minute}
	db, err := session.Connect(ctx, d.DSN, o)
	if err != nil {
		t.Fatal(err)
	}
	tree, _, err := query.Compile(ctx, db, query.Options{Shape: shape, Memory: 32 << 20})
	if err != nil {
		t.Fatal(err)
	}
	cut, err := tree.Root.Partition(ctx, db, chunks, 3)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(ctx, db, tree, session.PoolOptions{DSN: d.DSN, MaxConnections: 4, Session: o}, Options{PageBytes: pageBytes, Throttle: NewThrottle(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close(context.WithoutCancel(t.Context())) })
	parts := []sources.Partition{{ID: "p"}}
	for _, bound := range cut.Bounds {
		parts[len(parts)-1].To = bound
		parts = append(parts, sources.Partition{ID: "behind " + bound, From: bound})
	}
	return v, parts
}
