package verify

import (
	"fmt"
	"strings"
)

// Differs is the gate's no: the generation is not what the source and the definition say.
type Differs struct {
	Missing, Stale, Extra int64
	Unfixed               int64 // after a repair: documents that could not be made right
	First                 []Detail
	Deviations            []string      // of mapping and settings
	Answers               []QueryResult // to queries, where they are wrong
}

// Summary is how much differs, on one line.
func (e *Differs) Summary() string {
	var parts []string
	for _, more := range []struct {
		n         int64
		one, some string
	}{
		{e.Missing + e.Stale + e.Extra + e.Unfixed, "difference", "differences"},
		{int64(len(e.Deviations)), "deviation from the definition", "deviations from the definition"},
		{int64(len(e.Answers)), "query with a wrong answer", "queries with wrong answers"},
	} {
		switch {
		case more.n == 1:
			parts = append(parts, "1 "+more.one)
		case more.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", more.n, more.some))
		}
	}
	return "found " + strings.Join(parts, ", ")
}

func (e *Differs) Error() string {
	text := "the index is not what its source and definition say; no alias was touched"
	if e.Unfixed > 0 {
		text = fmt.Sprintf("%d documents still differ after the repair; whoever wrote them meanwhile was later, or the target refused them", e.Unfixed)
	}
	if e.Missing+e.Stale+e.Extra > 0 {
		text = fmt.Sprintf("the index differs from its source: %d missing, %d stale, %d extra documents; no alias was touched",
			e.Missing, e.Stale, e.Extra)
	}
	for _, d := range e.First {
		text += "\n  " + d.String()
	}
	for _, d := range e.Deviations {
		text += "\n  not as defined: " + d
	}
	for _, a := range e.Answers {
		text += "\n  " + a.String()
	}
	return text
}
