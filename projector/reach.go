package projector

import (
	"context"
	"fmt"
)

// roundsAtFence bounds how often a fence is tried to be passed. What keeps it from being
// passed after that is not a late commit but a transaction that does not end.
const roundsAtFence = 200

// reach catches up with everything that is committed now: it sets a fence, and rounds
// are done until nothing that was marked before it is due.
func (c *catcher) reach(ctx context.Context, from *capture) error {
	fence, err := from.reach(ctx)
	if err != nil {
		return err
	}
	if c.rules.fenceEarly {
		return nil
	}
	for range roundsAtFence {
		passed, err := c.store.Passed(fence)
		if err != nil || passed {
			return err
		}
		if _, err := c.round(ctx); err != nil {
			return err
		}
	}
	left, err := c.store.Backlog(marksAtOnce)
	if err != nil {
		return err
	}
	return fmt.Errorf("%d marks are still due after %d rounds: their changes are committed, but not visible to new reads; "+
		"look for a long transaction or a standby that does not acknowledge", left, roundsAtFence)
}
