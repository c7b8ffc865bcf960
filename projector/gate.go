package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// gate refuses to let the alias serve a generation where a person has to decide.
type gate struct {
	rebuild   *Rebuild
	record    *Record
	candidate *generation.Candidate
	observer  *report.Observer
	before    sinks.Survey // when the run was planned
	through   generation.Gate
}

func newGate(rebuild *Rebuild, record *Record, candidate *generation.Candidate, observer *report.Observer) *gate {
	g := &gate{rebuild: rebuild, record: record, candidate: candidate, observer: observer}
	g.through = generation.Gate{
		Target: rebuild.Target, Projection: rebuild.Projection.Name, MaxShrink: rebuild.Projection.Limits.MaxShrink,
		AllowEmpty: rebuild.AllowEmpty, Retry: g.retry, Notice: observer.Notice,
	}
	return g
}

// retry is the command that lets the generation serve when what spoke against it is gone. A
// live run is resumed, so that what changes meanwhile is not lost.
func (g *gate) retry(to string) string {
	if g.rebuild.Live != nil {
		return printable.Command("humpty", "resume", g.record.Run)
	}
	return printable.Command("humpty", "swap", g.rebuild.Projection.Name, "--to", to)
}

// servingEarly refuses where searches would lose something, or the application a write.
func (g *gate) servingEarly() error {
	if !g.rebuild.ServeEarly {
		return nil
	}
	why := ""
	s := g.before
	switch _, can := g.rebuild.Target.(sinks.EarlyServing); {
	case !can:
		why = generation.CannotServeEarly
	case g.rebuild.NoSwap:
		why = "the alias is not to be touched (--no-swap)"
	case s.Conflict != nil:
		why = fmt.Sprintf("an index sits on the alias's name %q", s.Alias)
	case s.Partial() != "" && s.Partial() == g.record.Generation: // gone on with
		return nil
	case len(s.Serving) > 0:
		why = fmt.Sprintf("alias %s serves %s: that is more than a part of something new", s.Alias, s.Serving[0].Index)
	case g.rebuild.Live != nil && g.rebuild.Live.Writer == WriterHandover:
		why = "the application never stops writing through the alias (writer: handover), and a generation that is loading must refuse that"
	default:
		return nil
	}
	return &problem.Refusal{
		Why:    "the generation cannot be served early: " + why,
		Remedy: "leave --serve-early out; with writer: handover, writer: freeze does if the application writes again what was refused",
	}
}

// empty refuses to let nothing replace something: an empty source is more often
// a wrong database than the truth.
func (g *gate) empty(survey sinks.Survey) error {
	if g.rebuild.AllowEmpty || g.candidate.Meta.Documents > 0 {
		return nil
	}
	for _, serving := range survey.Serving {
		if serving.Documents > 0 {
			return &problem.Refusal{
				Why: fmt.Sprintf("the new generation %s is empty, but %s serves %d documents from %s: is this the right database?",
					g.record.Generation, survey.Alias, serving.Documents, serving.Index),
				Remedy: fmt.Sprintf("if an empty index is right: humpty rebuild %s --allow-empty", g.rebuild.Projection.Name),
			}
		}
	}
	return nil
}

// alias refuses to take an alias away from what somebody else made it serve while this
// process was at work. That what it served is gone is why there are rebuilds.
func (g *gate) alias(now sinks.Survey) error {
	other := slices.DeleteFunc(servingNames(now), func(name string) bool {
		return name == g.record.Generation || slices.Contains(servingNames(g.before), name)
	})
	if len(other) == 0 {
		return nil
	}
	how := g.retry(g.record.Generation)
	return &problem.Refusal{
		Why: fmt.Sprintf("somebody else changed alias %s in the meantime: it serves %s, and served %s; generation %s is ready and was not swapped",
			g.rebuild.Projection.Alias, strings.Join(other, ", "), orNothing(servingNames(g.before)), g.record.Generation),
		Remedy: fmt.Sprintf("find out who did it, and why (humpty status %s); if the new generation is to serve all the same: %s", g.rebuild.Projection.Name, how),
	}
}

// noticeChange tells of an alias that was changed while no process was at work on the run. It
// goes on from there: that is what was asked for.
func (g *gate) noticeChange() {
	was, is := g.record.Previous, g.before.Live()
	if is == was || slices.Contains(servingNames(g.before), g.record.Generation) {
		return
	}
	g.observer.Notice(fmt.Sprintf("alias %s was changed since the run began: it served %s, and serves %s", g.rebuild.Projection.Alias,
		orNothing([]string{was}), orNothing(servingNames(g.before))))
	g.record.Previous = is
}

// groupOffset makes sure that who goes on where the logs were read up to has not moved: a run
// with a capture goes on itself.
func (g *gate) groupOffset(ctx context.Context, view sources.View, capturing bool) error {
	checker, ok := view.(sources.GroupOffsetChecker)
	if !ok || capturing {
		return nil
	}
	err := checker.CheckGroupOffset(ctx)
	var gap *sources.ErrChangesLost
	if errors.As(err, &gap) {
		return &problem.Refusal{
			Why:    fmt.Sprintf("%s; generation %s is ready", gap.Why, g.record.Generation),
			Remedy: fmt.Sprintf("%s: humpty swap %s --to %s", gap.Remedy, g.rebuild.Projection.Name, printable.Shell(g.record.Generation)),
		}
	}
	return err
}

func servingNames(s sinks.Survey) (names []string) {
	for _, serving := range s.Serving {
		names = append(names, serving.Index)
	}
	return names
}

func orNothing(names []string) string {
	if text := strings.Join(names, ", "); text != "" {
		return text
	}
	return "nothing"
}
