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
		"0/1A2B3C system tables":           "another version of humpty",
		"0/1A2B3C system tables pub later": "another version of humpty",
		"":                                 "another version of humpty",
		"nonsense system tables pub":       "cannot be read",
	} {
		_, _, err := parseLSN(position)
		var lost *sources.ErrChangesLost
		if !errors.As(err, &lost) || !strings.Contains(lost.Why, want) || lost.Remedy == "" {
			t.Errorf("%q: %v, want a gap that says %q and has a remedy", position, err, want)
		}
	}
	at, was, err := parseLSN("0/1A2B3C system tables pub")
	if err != nil || at != 0x1A2B3C || was != (origin{"system", "tables", "pub"}) {
		t.Errorf("%v %v %v", at, was, err)
	}
}
