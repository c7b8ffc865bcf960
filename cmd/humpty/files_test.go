//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"humpty/projector/verify"
)

// TestIDsAreTheOwnersAlone: the list of ids that differ is its owner's alone, also where a looser file
// of that name was there.
func TestIDsAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "ids")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	list, err := newIDList(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.add(verify.Difference{ID: "7"}); err != nil {
		t.Fatal(err)
	}
	if err := list.close(); err != nil {
		t.Fatal(err)
	}
	about, err := os.Stat(name)
	if err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", about.Mode().Perm(), err)
	}
	if text, err := os.ReadFile(name); err != nil || len(text) == 0 || string(text[:3]) == "old" {
		t.Errorf("%q, %v", text, err)
	}
}
