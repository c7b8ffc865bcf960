// Package generation makes and changes the indices behind an alias: their names and states,
// what an alias serves, the candidate that a run makes, and what processes that died left.
package generation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/report"
	"humpty/sinks"
)

// Candidate is the generation that a run makes, on its way to the alias.
type Candidate struct {
	Target   sinks.Target
	Alias    string
	Observer *report.Observer

	Name        string
	Index       sinks.Index // nil until it is made
	Meta        sinks.Meta
	AlreadyLive bool // an earlier process of the run died behind the swap

	serving     sync.Mutex
	ServedEarly bool // searches see a part of it
}

// Note moves the generation to a state, durably.
func (c *Candidate) Note(ctx context.Context, state sinks.State) error {
	if c.AlreadyLive {
		state = sinks.Live
	}
	c.Meta.State = state
	c.Meta.Updated = time.Now().UTC()
	if err := c.Index.Note(ctx, c.Meta); err != nil {
		return fmt.Errorf("note state %s in %s: %w", state, c.Name, err)
	}
	return nil
}

// RestoreSettings leaves a generation that failed with the settings that the user wants,
// whatever becomes of it.
func (c *Candidate) RestoreSettings(ctx context.Context) {
	index, can := c.Index.(sinks.SettingsRestorer)
	if !can {
		return
	}
	err := index.RestoreSettings(ctx)
	var loss *sinks.ErrWritesLost
	if errors.As(err, &loss) {
		c.Meta.SuspectLoss = true
		err = c.Note(ctx, sinks.Failed)
	}
	if err != nil {
		c.Observer.Notice(fmt.Sprintf("%s keeps the settings of the load until it is repaired or swapped: %v", c.Name, problem.FirstLine(err)))
	}
}

// CannotServeEarly is why a target cannot serve a generation that is loading.
const CannotServeEarly = "this target cannot refuse writes through an alias that it searches"

// ServeEarly lets searches see a generation while it is loaded (Rebuild.ServeEarly). No write
// is lost by it, because none but ours gets into the generation before the swap: the alias
// refuses writes until then, as it would if it were still missing. What the application commits
// meanwhile comes by the capture, or not at all where the run is of one snapshot.
//
// The generation is marked as partial first, and the mark goes with the swap. So who finds
// the alias on it later, when the run has failed or died, knows what it is. It may be called
// after each batch: the first call does it.
func (c *Candidate) ServeEarly(ctx context.Context) error {
	c.serving.Lock()
	defer c.serving.Unlock()
	if c.ServedEarly {
		return nil
	}
	c.Meta.Partial = true // before the alias says so
	if err := c.Note(ctx, c.Meta.State); err != nil {
		return err
	}
	target, can := c.Target.(sinks.EarlyServing)
	if !can {
		return errors.New("serve early: " + CannotServeEarly)
	}
	if err := target.ServeEarly(ctx, c.Name); err != nil {
		return fmt.Errorf("serve %s early: %w", c.Name, err)
	}
	c.ServedEarly = true
	c.Observer.Notice(fmt.Sprintf("alias %s serves %s, which is partial until the run is completed; writes through the alias are refused until then",
		c.Alias, c.Name))
	return nil
}

// BlockWrites blocks writes to what serves now. When it returns, writes that were under way
// have ended. unblock undoes it, for the case that the swap fails.
func (c *Candidate) BlockWrites(ctx context.Context, survey sinks.Survey) (unblock func() error, err error) {
	blocker, ok := c.Target.(sinks.Blocker)
	if !ok {
		return func() error { return nil }, errors.New("this target cannot block writes: writer: freeze is not possible with it")
	}
	serving := slices.DeleteFunc(slices.Clone(survey.Serving), func(s sinks.Serving) bool {
		return s.Index == c.Name // partial: the alias refuses writes, and ours go on
	})
	for _, s := range serving { // first, so that they are found after a crash
		c.Meta.Blocked = append(c.Meta.Blocked, s.Index)
	}
	if err := c.Note(ctx, c.Meta.State); err != nil {
		return func() error { return nil }, err
	}
	crashpoint.At("block noted")
	unblock = func() error {
		ctx, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		var err error
		for _, s := range serving {
			err = errors.Join(err, blocker.Unblock(ctx, s.Index))
		}
		return err
	}
	for _, s := range serving {
		if err := blocker.Block(ctx, s.Index); err != nil {
			return unblock, errors.Join(fmt.Errorf("block writes to %s: %w", s.Index, err), unblock())
		}
		c.Observer.Waiting(s.Index + " is blocked for writes until the swap")
	}
	crashpoint.At("writes blocked")
	return unblock, nil
}

// MarkLive is called when the alias serves it.
func (c *Candidate) MarkLive() {
	c.Meta.State, c.Meta.Partial, c.ServedEarly = sinks.Live, false, false
}
