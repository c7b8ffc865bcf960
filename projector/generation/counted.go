package generation

import (
	"fmt"

	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/sinks"
)

// checkCount compares how many documents a generation has with how many it had when it was
// verified or served last: what something else wrote to, or emptied, is not what was proven.
func (g *Gate) checkCount(s sinks.Survey, to string) error {
	made, ok := s.Find(to)
	v, served := made.Meta.Verified, made.Meta.Served
	if !ok || v == nil && served == 0 || s.Live() == to {
		return nil
	}
	repaired := printable.Command("humpty", "repair", g.Projection, "--generation", to)
	if made.Documents < 0 {
		return &problem.Refusal{
			Why:    fmt.Sprintf("how many documents generation %s has could not be read: it is closed, red, or still loading", to),
			Remedy: "see what is wrong with it: " + printable.Command("humpty", "status", g.Projection),
		}
	}
	untouched := v != nil && made.Meta.State == sinks.Verified && !g.Live && v.Moved+v.Moving == 0
	if untouched && (made.Documents > v.Documents || made.Documents < v.Documents-v.Rejected) {
		return &problem.Refusal{
			Why: fmt.Sprintf("generation %s has %d documents, and was verified with %d; it never served, so something else wrote to it",
				to, made.Documents, v.Documents),
			Remedy: "make it right: " + repaired + "; then: " + g.retry(to),
		}
	}
	had, when := served, "had, when it served last,"
	if served == 0 {
		had, when = v.Documents, "was verified with"
	}
	switch {
	case made.Documents < g.MaxShrink.Least(had):
		lost := float64(had-made.Documents) / float64(had)
		return &problem.Refusal{
			Why: fmt.Sprintf("generation %s has %d documents, and %s %d: %.4g%% fewer, where %s is allowed (limits.shrink)",
				to, made.Documents, when, had, lost*100, g.MaxShrink),
			Remedy: "make it right: " + repaired + "; or, if they are gone on purpose: " + g.retry(to) + " --max-shrink " + percentOf(lost),
		}
	case made.Documents != had:
		g.notice(fmt.Sprintf("generation %s has %d documents, and %s %d", to, made.Documents, when, had))
	}
	return nil
}
