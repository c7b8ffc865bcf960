package cdc

import (
	"strings"
	"testing"
)

// TestServersThatCannotBeCaptured: each setting that a capture would fail for is said, with what to do.
func TestServersThatCannotBeCaptured(t *testing.T) {
	t.Parallel()
	for want, row := range map[string][]string{
		"":                                    {"logical", "f", "140015", "14.15"},
		"it is PostgreSQL 13.18":              {"logical", "f", "130018", "13.18"},
		"its wal_level is replica":            {"replica", "f", "170002", "17.2"},
		"changes are captured on the primary": {"logical", "t", "150018", "15.18"},
	} {
		found := serverProblems("database shop", row)
		if want == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || !strings.Contains(found.Error(), want) || found[0].Remedy == "" {
			t.Errorf("%v: %v, want %q", row, found, want)
		}
	}
}
