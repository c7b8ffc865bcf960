package projector

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// background are the tasks that go on through all phases, and end when these do: the change
// reader is one.
type background struct {
	start func(task func(context.Context) error) // nil outside of during
}

// errDone ends the tasks when the work is done.
var errDone = errors.New("the run is over")

// during does work with a group whose tasks end when the work does. done says that the work
// itself did not fail.
func (b *background) during(ctx context.Context, work func(context.Context) error) (done bool, err error) {
	group, working := errgroup.WithContext(ctx)
	working, stop := context.WithCancelCause(working)
	b.start = func(task func(context.Context) error) {
		group.Go(func() error {
			err := task(working)
			if errors.Is(err, errDone) {
				return nil
			}
			return err
		})
	}
	group.Go(func() error {
		defer stop(errDone)
		err := work(working)
		done = err == nil
		return err
	})
	err = group.Wait()
	return done, err
}
