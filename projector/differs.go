package projector

import (
	"fmt"

	"humpty/projector/verify"
)

// Differs is the gate's no: the generation is not what the source and the definition say.
type Differs struct {
	Missing, Stale, Extra int64
	Unfixed               int64 // after a repair: documents that could not be made right
	First                 []verify.Detail
	Deviations            []string        // of mapping and settings
	Answers               []verify.Answer // to queries, where they are wrong
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
