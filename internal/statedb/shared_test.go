package statedb_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/statedb"
)

// Who comes when all have let the store go does not get it, and nobody closes it twice.
func TestSharedStoreThatWasClosed(t *testing.T) {
	t.Parallel()
	db, err := statedb.Open("store", statedb.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	s := &statedb.Shared{DB: db}
	if !s.Acquire() {
		t.Fatal("an open store is refused")
	}
	for range 2 {
		if err := s.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Acquire() {
		t.Error("a closed store is held")
	}
}
