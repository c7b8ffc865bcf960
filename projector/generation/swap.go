package generation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/sinks"
)

// Switch lets an alias serve another generation.
type Switch struct {
	Target     sinks.Target
	Projection string // its name
	Replace    string // the index on the alias's name that may be deleted by it

	More []sinks.AliasAction // further actions of the same call

	// To chooses the generation of what there is.
	To func(sinks.Survey) (string, error)
	// Gate refuses what must not be done to the alias, as it is then.
	Gate func(context.Context, sinks.Survey, sinks.AliasChange) error
}

// Do computes the change from the alias as it is now, asks the gate, and applies it in one
// call. before is what there was; it has no alias where nothing was read.
func (s Switch) Do(ctx context.Context) (before sinks.Survey, change sinks.AliasChange, err error) {
	before, err = s.Target.Survey(ctx)
	if err != nil {
		return sinks.Survey{}, change, fmt.Errorf("survey the target: %w", err)
	}
	to, err := s.To(before)
	if err != nil {
		return before, change, err
	}
	change, err = before.SwapTo(to, s.Replace)
	var trap *sinks.NameConflict
	switch {
	case errors.As(err, &trap):
		return before, change, &problem.Refusal{
			Why: err.Error() + fmt.Sprintf("; generation %s is ready", to),
			Remedy: fmt.Sprintf("look at what is in it; if it can be deleted: humpty swap %s --to %s --replace-index %s\n"+
				"and keep writers from making it again: action.auto_create_index, or require_alias=true",
				s.Projection, printable.Shell(to), printable.Shell(trap.Index.Index)),
			Err: err,
		}
	case err != nil:
		return before, change, err
	}
	if err := s.Gate(ctx, before, change); err != nil {
		return before, change, err
	}
	change.Actions = append(change.Actions, s.More...)
	if err := s.Target.Swap(ctx, change); err != nil {
		return before, change, fmt.Errorf("swap alias %s to %s: %w", before.Alias, to, err)
	}
	return before, change, nil
}

// RecordStates writes into the generations what a swap to `live` made of them. The alias
// is what decides who is live; the notes are for those who read an index alone.
func RecordStates(ctx context.Context, target sinks.Target, before sinks.Survey, live string) error {
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
		if err := recordState(ctx, target, g, state, before.Live()); err != nil {
			return fmt.Errorf("the alias was swapped, but the state of %s could not be noted: %w", g.Name, err)
		}
	}
	return nil
}

func recordState(ctx context.Context, target sinks.Target, g sinks.Generation, state sinks.State, previous string) error {
	index, err := target.Open(ctx, g.Name)
	if err != nil {
		return err
	}
	m := g.Meta
	m.State, m.Updated = state, time.Now().UTC()
	m.Partial = m.Partial && state != sinks.Live
	if state == sinks.Retired {
		m.Served = max(g.Documents, 0)
	}
	if state == sinks.Live && previous != g.Name {
		m.Previous, m.Serves = previous, m.Updated
	}
	if err := index.Note(ctx, m); err != nil || state != sinks.Live {
		return err
	}
	crashpoint.At("state noted")
	return index.Seal(ctx, nil) // what had to stay until now: deletes are remembered no longer than the user wants
}
