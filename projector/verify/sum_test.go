package verify_test

import (
	"bytes"
	"fmt"
	"testing"

	"humpty/internal/canonjson"
	"humpty/projector/verify"
	"humpty/sinks"
)

// TestSumOfAnIndex: what a comparison notes is what the index adds up to; with what went and
// what came it is what another adds up to, and a byte makes the difference.
func TestSumOfAnIndex(t *testing.T) {
	t.Parallel()
	ignore, err := canonjson.ParsePaths([]string{"text"})
	if err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string]*canonjson.Paths{"bytes": nil, "json": ignore} {
		s := &synthetic{n: 5000, odd: -1, text: bytes.Repeat([]byte("x"), 60)}
		plan, _ := s.Plan(t.Context())
		c := verify.Check{View: s, Plan: plan, Index: syntheticIndex{synthetic: s}, Writes: verify.Writes{Static: true}, Exact: true, Ignore: left}
		report, err := c.Run(t.Context())
		sum, ok := verify.ParseSum(report.Sum, left)
		if err != nil || !ok || sum.Documents() != 5000 {
			t.Fatalf("%s: %v, %q", name, err, report.Sum)
		}
		if _, ok := verify.ParseSum(report.Sum, map[bool]*canonjson.Paths{true: ignore}[left == nil]); ok && left != nil {
			t.Errorf("%s: the sum %s is read although other fields are left out", name, report.Sum)
		}
		is := func(s *synthetic, want bool) {
			t.Helper()
			scanned, err := sum.Scan(t.Context(), syntheticIndex{synthetic: s}, left, nil)
			if err != nil || (scanned.String() == sum.String()) != want {
				t.Errorf("%s: %v, %s is to be %s: %v", name, err, scanned, sum, want)
			}
		}
		is(s, true)
		is(&synthetic{n: 4999, odd: -1, text: s.text}, false)
		is(&synthetic{n: 5000, odd: 17, text: s.text}, left != nil) // what is left out does not count
		last := sinks.Document{ID: []byte("4999"), Body: s.document(nil, 4999)}
		sum.Remove(last)
		is(&synthetic{n: 4999, odd: -1, text: s.text}, true)
		sum.Add(last)
		is(s, true)
		last.Body = bytes.Replace(last.Body, []byte("4999"), []byte("4998"), 1)
		sum.Remove(last)
		is(&synthetic{n: 4999, odd: -1, text: s.text}, false)
	}
	for _, text := range []string{"", "bytes", "bytes:1", "bytes:1:00", "other:1:" + fmt.Sprintf("%032x", 7), "bytes:1:" + fmt.Sprintf("%032x ", 7)} {
		if _, ok := verify.ParseSum(text, nil); ok {
			t.Errorf("%q is taken for a sum", text)
		}
	}
}

// TestSumOnlyOfWhatIsRight: an index that differs has none to go on from.
func TestSumOnlyOfWhatIsRight(t *testing.T) {
	t.Parallel()
	s := &synthetic{n: 100, odd: 7, text: []byte("xy")}
	plan, _ := s.Plan(t.Context())
	c := verify.Check{View: s, Plan: plan, Index: syntheticIndex{synthetic: s}, Writes: verify.Writes{Static: true}}
	if report, err := c.Run(t.Context()); err != nil || report.Stale != 1 || report.Sum != "" {
		t.Errorf("%v: %+v", err, report.Verification)
	}
}
