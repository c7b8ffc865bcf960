package session

import (
	"testing"

	"github.com/jackc/pglogrepl"
)

// What is not known any more is settled only by a standby that is behind all of it.
func TestReplicaForgets(t *testing.T) {
	t.Parallel()
	r := &Replica{commits: map[uint64]pglogrepl.LSN{}, forgotten: 100}
	for xid := range uint64(commitsKept + 1) {
		r.RecordCommit(1000+xid, pglogrepl.LSN(1000+10*xid))
	}
	if len(r.commits) > commitsKept {
		t.Errorf("%d transactions are kept", len(r.commits))
	}
	middle, end := r.forgotten, r.newest
	for _, c := range []struct {
		at   pglogrepl.LSN
		xid  uint64
		sees bool
	}{
		{50, 1, false},
		{middle - 1, 1000, false},
		{middle, 1000, true},
		{middle, 1000 + commitsKept, false},
		{end, 1000 + commitsKept, false},
		{end + 1, 1000 + commitsKept, true},
		{end, 1000 + commitsKept - 1, true},
	} {
		if got := r.snapshotAt(c.at).Sees(c.xid); got != c.sees {
			t.Errorf("at %d, transaction %d: %t", c.at, c.xid, got)
		}
	}
}
