package cdc

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/pgoutput"
	"humpty/sources/postgres/query"
)

func TestWidenTakesTheNearest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		recent uint64
		xid    uint32
		want   uint64
	}{
		{1000, 999, 999},
		{1000, 1001, 1001},
		{1<<32 + 5, 3, 1<<32 + 3},
		{1<<32 + 5, 1<<32 - 2, 1<<32 - 2},
		{5<<32 - 1, 2, 5<<32 + 2},
	} {
		if got := widen(tc.recent, tc.xid); got != tc.want {
			t.Errorf("widen(%d, %d) = %d, want %d", tc.recent, tc.xid, got, tc.want)
		}
	}
}

// An update that does not say a watched value, whose old row does not either, concerns anything.
func TestWithheldValueMarksTheTable(t *testing.T) {
	t.Parallel()
	n := &query.Node{}
	root := &query.RootNode{Node: n, ID: []query.KeyColumn{{Type: pgjson.OIDText}}}
	r := newTxDecoder([]publishedTable{{oid: "1", dependencies: []*query.Dependency{{Root: root, Node: n, Columns: []string{"k"}}}}}, 1)
	r.relations[1] = &pgoutput.Relation{OID: 1, Columns: []pgoutput.Column{{Name: "k"}, {Name: "v"}}}
	for _, tc := range []struct {
		change pgoutput.Change
		want   sources.DirtyKey
	}{
		{pgoutput.Change{New: []pgoutput.Value{{Unchanged: true}, {Text: []byte("x")}}}, sources.DirtyKey{All: true}},
		{pgoutput.Change{New: []pgoutput.Value{{Unchanged: true}, {}}, Old: []pgoutput.Value{{Text: []byte("a")}, {}}}, sources.DirtyKey{Key: "a"}},
		{pgoutput.Change{New: []pgoutput.Value{{Unchanged: true}, {}}, Old: []pgoutput.Value{{Unchanged: true}, {}}}, sources.DirtyKey{All: true}},
		{pgoutput.Change{New: []pgoutput.Value{{Unchanged: true}, {}}, Old: []pgoutput.Value{{Null: true}, {}}}, sources.DirtyKey{All: true}},
		{pgoutput.Change{New: []pgoutput.Value{{Text: []byte("a")}, {Unchanged: true}}}, sources.DirtyKey{Key: "a"}},
	} {
		tc.change.Kind, tc.change.Relation = 'U', 1
		if err := r.change(&tc.change); err != nil || len(r.marks) != 1 || r.marks[0] != tc.want {
			t.Errorf("%+v: %v, %+v, want %+v", tc.change, err, r.marks, tc.want)
		}
		r.marks = nil
		clear(r.seen)
	}
}

// What the server cannot decode it cannot decode later either; what it refuses for now, it may.
func TestStreamThatTheServerEnds(t *testing.T) {
	t.Parallel()
	for code, over := range map[string]bool{"XX000": true, "XX001": true, "57P01": false, "53100": false} {
		err := streamError("humpty_x", &pgconn.PgError{Code: code, Message: "could not map filenode"})
		var gap *sources.ErrChangesLost
		if errors.As(err, &gap) != over || !strings.Contains(err.Error(), "could not map filenode") {
			t.Errorf("%s: %v", code, err)
		}
	}
}
