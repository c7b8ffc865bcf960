package lint

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// findings are what a check found: a place, and what is wrong there.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// stale reports exceptions of what is gone, and such as give no reason.
func (f *findings) stale(exceptions map[string]allowance, there func(string) bool) {
	for _, name := range slices.Sorted(maps.Keys(exceptions)) {
		if !there(name) {
			f.add("there is no %s: its exception is not needed any more", name)
		}
		if exceptions[name].why == "" {
			f.add("the exception of %s gives no reason", name)
		}
	}
}

func fail(t *testing.T, broken findings) {
	t.Helper()
	for _, b := range broken {
		t.Error(b)
	}
}
