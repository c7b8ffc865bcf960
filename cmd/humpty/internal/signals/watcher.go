// Package signals answers the signals of a process: the first one stops the run in good
// order, the second one ends the process, and one of its own kind asks how far it is.
package signals

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Interrupt is the cause of a context that a signal ended.
type Interrupt struct{ Signal os.Signal }

func (i *Interrupt) Error() string { return InterruptedBy + i.Signal.String() }

// InterruptedBy begins what an Interrupt says, by which the reason of a run is known for one.
const InterruptedBy = "interrupted by "

// Is lets an interruption pass for a cancelled context, which it is.
func (i *Interrupt) Is(target error) bool { return target == context.Canceled }

// Watcher answers the signals of one invocation.
type Watcher struct {
	Signals <-chan os.Signal // nil: none are watched
	Err     io.Writer
	End     func(os.Signal) // ends the process as a signal does

	detached atomic.Bool
	status   atomic.Pointer[func() string]
}

// ShowStatus says how far the running verb is, to who asks by a signal.
func (w *Watcher) ShowStatus(status func() string) { w.status.Store(&status) }

// Detach lets the running verb outlive its terminal.
func (w *Watcher) Detach() { w.detached.Store(true) }

// Run does work, with a context that the first signal ends.
func (w *Watcher) Run(ctx context.Context, work func(context.Context) int) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		w.watch(cancel, done)
		return nil
	})
	code := work(ctx)
	close(done)
	_ = group.Wait() // watch gives no error
	return code
}

func (w *Watcher) watch(cancel context.CancelCauseFunc, done <-chan struct{}) {
	var first *Interrupt
	for {
		select {
		case <-done:
			return
		case s := <-w.Signals:
			switch {
			case asksStatus(s):
				text := "running"
				if f := w.status.Load(); f != nil {
					text = (*f)()
				}
				fmt.Fprintf(w.Err, "status    %s\n", text)
			case readerGone(s) && w.detached.Load():
			case s == syscall.SIGPIPE: // as without us
				w.End(s)
				return
			case first == nil:
				first = &Interrupt{s}
				fmt.Fprintln(w.Err, "stopping  what was begun is being left in good order; a second signal ends it at once")
				cancel(first)
			default:
				w.End(first.Signal)
				return
			}
		}
	}
}
