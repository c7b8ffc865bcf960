package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"humpty/internal/problem"
	"humpty/sinks"
)

// early lets searches see a generation while it is loaded (Rebuild.ServeEarly). No write is
// lost by it, because none but ours gets into the generation before the swap: the alias refuses
// writes until then, as it would if it were still missing. What the application commits
// meanwhile comes by the capture, or not at all where the run is of one snapshot.
//
// The generation is marked as partial first, and the mark goes with the swap. So whoever finds
// the alias on it later, when the run has failed or died, knows what it is.

const cannotExpose = "this target cannot refuse writes through an alias that it searches"

// mayServeEarly refuses where searches would lose something, or the application a write.
func (n *run) mayServeEarly() error {
	if !n.ServeEarly {
		return nil
	}
	why := ""
	s := n.survey
	switch _, can := n.Target.(sinks.EarlyServing); {
	case !can:
		why = cannotExpose
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

// expose lets searches see what is there, once something is. Called by each writer after
// each batch.
func (n *run) expose(ctx context.Context) error {
	if !n.ServeEarly {
		return nil
	}
	n.exposing.Lock()
	defer n.exposing.Unlock()
	if n.exposed {
		return nil
	}
	n.meta.Partial = true // before the alias says so
	if err := n.note(ctx, n.meta.State); err != nil {
		return err
	}
	target, can := n.Target.(sinks.EarlyServing)
	if !can {
		return errors.New("serve early: " + cannotExpose)
	}
	if err := target.ServeEarly(ctx, n.record.Generation); err != nil {
		return fmt.Errorf("serve %s early: %w", n.record.Generation, err)
	}
	n.exposed = true
	n.observer.Notice(fmt.Sprintf("alias %s serves %s, which is partial until the run is completed; writes through the alias are refused until then",
		n.Projection.Alias, n.record.Generation))
	return nil
}

// leftPartial says it of a run that failed and left a part of a generation to searches.
func (n *run) leftPartial(err error) error {
	if err == nil || !n.exposed {
		return err
	}
	return fmt.Errorf("%w\n    alias %s goes on serving %s, which is partial: searches may miss documents or find wrong ones, and writes through the alias are refused; "+
		"the next humpty rebuild %s replaces it", err, n.Projection.Alias, n.record.Generation, n.Projection.Name)
}
