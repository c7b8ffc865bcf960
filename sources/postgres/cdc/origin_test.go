package cdc

import (
	"errors"
	"strings"
	"testing"

	"humpty/sources"
)

// A position that another version wrote, or that is damaged, is a gap with a remedy: what it
// does not say cannot be compared.
func TestPositionOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for position, want := range map[sources.Position]string{
		"0/1A2B3C system tables":                   "another version of humpty",
		"0/1A2B3C system tables pub meaning later": "another version of humpty",
		"":                           "another version of humpty",
		"nonsense system tables pub": "cannot be read",
	} {
		_, _, err := parseLSN(position)
		var lost *sources.ErrChangesLost
		if !errors.As(err, &lost) || !strings.Contains(lost.Why, want) || lost.Remedy == "" {
			t.Errorf("%q: %v, want a gap that says %q and has a remedy", position, err, want)
		}
	}
	for position, want := range map[sources.Position]origin{
		"0/1A2B3C system tables pub":         {system: "system", tables: "tables", publication: "pub"}, // before the meaning was kept
		"0/1A2B3C system tables pub meaning": {system: "system", tables: "tables", publication: "pub", meaning: meaning{names: "meaning"}},
	} {
		if at, was, err := parseLSN(position); err != nil || at != 0x1A2B3C || was != want {
			t.Errorf("%q: %v %v %v", position, at, was, err)
		}
	}
}
