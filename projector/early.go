package projector

import (
	"context"
	"fmt"
	"slices"

	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/sinks"
)

// mayServeEarly refuses where searches would lose something, or the application a write.
func (n *run) mayServeEarly() error {
	if !n.ServeEarly {
		return nil
	}
	why := ""
	s := n.survey
	switch _, can := n.Target.(sinks.EarlyServing); {
	case !can:
		why = generation.CannotServeEarly
	case n.NoSwap:
		why = "the alias is not to be touched (--no-swap)"
	case s.Conflict != nil:
		why = fmt.Sprintf("an index sits on the alias's name %q", s.Alias)
	case s.Partial() != "" && s.Partial() == n.record.Generation: // gone on with
		return nil
	case len(s.Serving) > 0:
		why = fmt.Sprintf("alias %s serves %s: that is more than a part of something new", s.Alias, s.Serving[0].Index)
	case n.Live != nil && n.Live.Writer == WriterHandover:
		why = "the application never stops writing through the alias (writer: handover), and a generation that is loading must refuse that"
	default:
		return nil
	}
	return &problem.Refusal{
		Why:    "the generation cannot be served early: " + why,
		Remedy: "leave --serve-early out; with writer: handover, writer: freeze does if the application writes again what was refused",
	}
}

// newestFirst turns the order of the partitions, which is that of their keys, around.
func (n *run) newestFirst() {
	if n.ServeEarly && (n.Live == nil || !n.Live.Resume) { // a run that goes on has it from its journal
		n.input.Partitions = slices.Clone(n.input.Partitions)
		slices.Reverse(n.input.Partitions)
	}
}

// afterBatch lets searches see what is there, once something is.
func (n *run) afterBatch(ctx context.Context) error {
	if !n.ServeEarly {
		return nil
	}
	return n.candidate.ServeEarly(ctx)
}

// leftPartial says it of a run that failed and left a part of a generation to searches.
func (n *run) leftPartial(err error) error {
	if err == nil || !n.candidate.ServedEarly {
		return err
	}
	return fmt.Errorf("%w\n    alias %s goes on serving %s, which is partial: searches may miss documents or find wrong ones, and writes through the alias are refused; "+
		"the next humpty rebuild %s replaces it", err, n.Projection.Alias, n.record.Generation, n.Projection.Name)
}
