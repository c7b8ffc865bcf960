package catchup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/wait"
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
	}
	return h.unsettled(name)
}

// quiet waits until the target works on no write of ours, of any epoch.
func (h *Handover) quiet(ctx context.Context) error {
	if h.rounds.Rules.EndsInFlight() {
		return nil
	}
	return Quiet(ctx, h.rounds.Writer.Index)
}

// Quiet waits until the target works on no write of ours, of any epoch.
func Quiet(ctx context.Context, index sinks.Index) error {
	attempts, ok := index.(sinks.WriteCounter)
	if !ok {
		return ErrNoHandover
	}
	pause := wait.NewBackoff(5 * time.Minute)
	for {
		n, err := attempts.InFlightWrites(ctx)
		if err != nil || n == 0 {
			return err
		}
		if over, err := pause.Wait(ctx); err != nil || over {
			return errors.Join(err, fmt.Errorf("%d writes of humpty's are still under way in the target after %s", n, pause.Most))
		}
	}
}

// CanHandOver reports whether a handover is possible with a target's indices.
func CanHandOver(index sinks.Index) bool {
	_, attempts := index.(sinks.WriteCounter)
	_, gets := index.(sinks.Getter)
	_, amends := index.(sinks.ConditionalWriter)
	return attempts && gets && amends
}

// ErrNoHandover is for targets that cannot tell what is under way, or write on condition.
var ErrNoHandover = errors.New("this target cannot say which writes are under way and write only what is unchanged: writer: handover is not possible with it")

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
