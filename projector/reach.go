package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/wait"
)

// fencePatience is how long a fence may stay unpassed. What keeps it so is not a slow
// round but a commit that new reads do not see: a standby that does not acknowledge.
const fencePatience = 5 * time.Minute

// reach catches up with everything that is committed now: it sets a fence, and rounds
// are done until nothing that was marked before it is due.
func (c *catcher) reach(ctx context.Context, from *capture) error {
	fence, err := from.reach(ctx)
	if err != nil {
		return err
	}
	return c.pass(ctx, fence)
}

// pass does rounds until nothing that was recorded up to the fence is due.
func (c *catcher) pass(ctx context.Context, fence uint64) error {
	if c.rules.fenceEarly {
		return nil
	}
	pause := wait.NewBackoff(fencePatience)
	for {
		passed, err := c.store.Passed(fence)
		if err != nil || passed {
			return err
		}
		round, err := c.round(ctx)
		if err != nil {
			return err
		}
		if round.Left < round.Marks { // something was settled
			pause = wait.NewBackoff(fencePatience)
			continue
		}
		over, err := pause.Wait(ctx)
		if err != nil {
			return err
		}
		if over {
			return c.unseen()
		}
	}
}

func (c *catcher) unseen() error {
	left, err := c.store.Backlog(marksAtOnce)
	return errors.Join(err, fmt.Errorf("%d marks are still due after %s: their changes are committed, but new reads do not see them\n"+
		"    look for a standby in synchronous_standby_names that does not acknowledge (pg_stat_replication), or a long transaction", left, fencePatience))
}
