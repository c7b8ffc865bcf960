package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/wait"
	"humpty/projector/ledger"
	"humpty/sinks"
)

// WriterHandover lets the application go on writing through the alias, without versions
// and without a pause. The alias is swapped near the present; then what was committed before
// the swap is settled in the index that serves, each document only if it still is as it
// was seen, until nothing of ours can undo a write of the application's any more.
//
// The application must write every document that it changes to the alias, after its commit
// in the source, and must not write what it read before it.
const WriterHandover Writer = "handover"

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

// ends runs the end rule behind a swap. When it returns nil, no write of ours is under way
// or unknown, and no document that we wrote since the swap has changed after it was read.
func (h *handover) ends(ctx context.Context, from *capture, name string) error {
	if err := h.catcher.reach(ctx, from); err != nil || h.catcher.rules.endAtFence { // what was committed before the swap
		return err
	}
	for range passesAtEnd {
		if err := h.quiet(ctx); err != nil {
			return err
		}
		open := h.begin()
		crashpoint.At("pass begun")
		fence, err := from.reach(ctx)
		if err != nil {
			return err
		}
		if err := h.again(ctx, open); err != nil {
			return err
		}
		if err := h.catcher.pass(ctx, fence); err != nil {
			return err
		}
		if h.clean() || h.catcher.rules.endUnclean {
			return nil
		}
	}
	return h.unsettled(name)
}

// quiet waits until the target works on no write of ours, of any epoch.
func (h *handover) quiet(ctx context.Context) error {
	if h.catcher.rules.hurry {
		return nil
	}
	return quiet(ctx, h.catcher.index)
}

func quiet(ctx context.Context, index sinks.Index) error {
	attempts, ok := index.(sinks.WriteCounter)
	if !ok {
		return errNoHandover
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

// handsOver reports whether a handover is possible with a target's indices.
func handsOver(index sinks.Index) bool {
	_, attempts := index.(sinks.WriteCounter)
	_, gets := index.(sinks.Getter)
	_, amends := index.(sinks.ConditionalWriter)
	return attempts && gets && amends
}

// errNoHandover is for targets that cannot tell what is under way, or write on condition.
var errNoHandover = errors.New("this target cannot say which writes are under way and write only what is unchanged: writer: handover is not possible with it")

func (h *handover) unsettled(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := &Unsettled{Projection: name, Why: fmt.Sprintf("they changed in each of %d passes", passesAtEnd)}
	for id := range h.restless {
		u.Documents++
		u.First = append(u.First, id)
	}
	slices.Sort(u.First)
	u.First = u.First[:min(len(u.First), differencesShown)]
	return u
}

func (n *run) handsOver() bool { return n.capture != nil && n.Live.Writer == WriterHandover }

// untilSwapped leaves out what has been done, and cannot be done again when a run goes on
// behind its swap: the application writes to the generation.
func (n *run) untilSwapped(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if n.candidate.AlreadyLive && (n.handsOver() || n.arrived()) {
			return nil
		}
		return do(ctx)
	}
}

// handOver swaps, and ends. Everything before the swap is as in any other way.
func (n *run) handOver(ctx context.Context, swap func() error) error {
	if n.Projection.Versions == "column" { // the application's own versions decide who was later
		if err := swap(); err != nil {
			return err
		}
		return n.catcher.reach(ctx, n.capture)
	}
	if err := quiet(ctx, n.candidate.Index); err != nil {
		return err
	}
	if err := n.Live.Checkpoint.RecordSwap(); err != nil {
		return err
	}
	crashpoint.At("handover recorded")
	if err := swap(); err != nil {
		return err
	}
	n.observer.Waiting("the alias is swapped; what was committed before is settled beside the application")
	h, err := newHandover(n.catcher)
	if err != nil {
		return err
	}
	err = errors.Join(h.ends(ctx, n.capture, n.Projection.Name), n.refusedBehindSwap())
	crashpoint.At("handover ended")
	return err
}

func (n *run) refusedBehindSwap() error {
	err := n.gateLoad()
	var many *ledger.TooManyRejections
	if !errors.As(err, &many) {
		return err
	}
	u := &Unsettled{Projection: n.Projection.Name, Documents: many.Rejected, Why: "they were rejected"}
	for _, r := range many.First {
		u.First = append(u.First, r.ID)
	}
	return u
}
