// Package sourcetest is what every sources.Source must pass, tables and logs alike. Its
// sources in memory serve tests of the engine without a server: [MemorySource] has records,
// [LiveSource] rows that change while they are read, [LogSource] events.
package sourcetest

import (
	"testing"

	"humpty/sources"
)

// Harness is one source with known contents, made anew for each test.
type Harness struct {
	Source sources.Source

	// Want holds every record the source must give, as Line writes it, in any order.
	// With 50 or more, in two or more partitions, the tests show the most.
	Want []string

	// Change alters the system of record behind the source: adds, changes and removes
	// records. Nil where a view cannot be told from the present.
	Change func(t *testing.T)

	// Leftovers says what the source has open or left on the system of record, one line
	// each; nil where that cannot be asked. It waits as long as closing may take.
	Leftovers func(t *testing.T) []string

	// Unknown is a key that the source never held, for Lookup.
	Unknown []byte
}

// Line is a record as Want holds it: its key, then its value or what stands for it.
func Line(key, value string) string { return key + "\t" + value }

func line(r sources.Record) string {
	switch {
	case r.Deleted:
		return Line(string(r.Key), "(deleted)")
	case r.Reject != "":
		return Line(string(r.Key), "(rejected) "+r.Reject)
	}
	return Line(string(r.Key), string(r.Value))
}

// Run runs the suite; fresh is called for each test, from its goroutine.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"plan", testPlan},
		{"everything once", testEverything},
		{"resume", testResume},
		{"limits", testLimits},
		{"readers at once", testTogether},
		{"stable view", testStable},
		{"close in the middle", testClose},
		{"cancel", testCancel},
		{"lookup", testLookup},
		{"split", testSplit},
		{"count", testCount},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, fresh(t))
		})
	}
}
