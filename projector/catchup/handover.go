package catchup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/crashpoint"
	"humpty/projector/generation"
	"humpty/sinks"
)

// idsShown is how many documents an error names.
const idsShown = 10

// passesAtEnd bounds how often documents are read again that change all the time.
const passesAtEnd = 50

// Unsettled is the error of a handover that found no end: the alias serves the new
// generation, but these documents changed, or could not be written, each time they were
// read again after the swap.
type Unsettled struct {
	Projection string
	Documents  int64    // that may not be as the source has them
	First      []string // ids of the first ones
	Why        string
}

func (u *Unsettled) Error() string {
	return fmt.Sprintf("%s: the alias was swapped, but %d documents may not be as the source has them: %s (first: %s)\n    humpty repair %s",
		u.Projection, u.Documents, u.Why, strings.Join(u.First, ", "), u.Projection)
}

// End runs the end rule behind a swap. When it returns nil, no write of ours is under way
// or unknown, and no document that we wrote since the swap has changed after it was read.
func (h *Handover) End(ctx context.Context, from *Capture, name string) error {
	if err := h.rounds.CatchUpTo(ctx, from); err != nil || h.rounds.Rules.EndsAtFence() { // what was committed before the swap
		return err
	}
	for range passesAtEnd {
		if err := h.quiet(ctx); err != nil {
			return err
		}
		open := h.begin()
		crashpoint.At("pass begun")
		fence, err := from.Fence(ctx)
		if err != nil {
			return err
		}
		if err := h.reread(ctx, open); err != nil {
			return err
		}
		if err := h.rounds.untilFence(ctx, fence); err != nil {
			return err
		}
		if h.clean() || h.rounds.Rules.EndsUnclean() {
			return nil
		}
		h.giveAway()
	}
	return h.unsettled(name)
}

// quiet changes the writer's name: of what was sent before nothing lands any more.
func (h *Handover) quiet(ctx context.Context) error {
	if h.rounds.Rules.EndsInFlight() {
		return nil
	}
	return generation.BeginWriter(ctx, h.rounds.Writer.Index, h.rounds.Role)
}

// CanHandOver reports whether a handover is possible with a target's indices.
func CanHandOver(index sinks.Index) bool {
	_, fences := index.(sinks.WriterFence)
	_, gets := index.(sinks.Getter)
	_, amends := index.(sinks.ConditionalWriter)
	return fences && gets && amends
}

// ErrNoHandover is for targets that cannot shut out a writer, or write on condition.
var ErrNoHandover = errors.New("this target cannot shut out a writer and write only what is unchanged: writer: handover is not possible with it")

func (h *Handover) unsettled(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := &Unsettled{Projection: name, Why: fmt.Sprintf("they changed in each of %d passes", passesAtEnd)}
	for id := range h.rewritten {
		u.Documents++
		u.First = append(u.First, id)
	}
	slices.Sort(u.First)
	u.First = u.First[:min(len(u.First), idsShown)]
	return u
}
