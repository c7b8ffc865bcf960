package projector

import (
	"context"
	"fmt"
	"time"

	"humpty/internal/crashpoint"
	"humpty/sinks"
)

// settleStates writes into the generations what a swap to `live` made of them. The alias
// is what decides who is live; the notes are for those who read an index alone.
func settleStates(ctx context.Context, target sinks.Target, before sinks.Survey, live string) error {
	was := map[string]bool{}
	for _, serving := range before.Serving {
		was[serving.Index] = true
	}
	for _, g := range before.Generations {
		state := g.Meta.State
		switch {
		case g.Name == live:
			state = sinks.Live
		case was[g.Name], state == sinks.Live:
			state = sinks.Retired
		}
		unsettled := state == sinks.Live && len(g.Meta.PendingSettings) > 0 // a process of its run died behind the swap
		if state == g.Meta.State && !unsettled {
			continue
		}
		if err := noteState(ctx, target, g, state, before.Live()); err != nil {
			return fmt.Errorf("the alias was swapped, but the state of %s could not be noted: %w", g.Name, err)
		}
	}
	return nil
}

func noteState(ctx context.Context, target sinks.Target, g sinks.Generation, state sinks.State, previous string) error {
	index, err := target.Open(ctx, g.Name)
	if err != nil {
		return err
	}
	m := g.Meta
	m.State, m.Updated = state, time.Now().UTC()
	m.Partial = m.Partial && state != sinks.Live
	if state == sinks.Live && previous != g.Name {
		m.Previous = previous
	}
	if err := index.Note(ctx, m); err != nil || state != sinks.Live {
		return err
	}
	crashpoint.At("state noted")
	return index.Seal(ctx, nil) // what had to stay until now: deletes are remembered no longer than the user wants
}
