package outage

import (
	"context"
	"fmt"
	"time"

	"humpty/internal/wait"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Waiter is what servers that went away are waited for with.
type Waiter struct {
	Source   sources.Source
	Target   sinks.Target
	Most     time.Duration
	Observer *report.Observer
}

// Wait asks both servers until they answer, and says which was away last, and for how long;
// since is when one was found away, by which the wait is bounded.
func (w *Waiter) Wait(ctx context.Context, since time.Time, server string, why error) (string, time.Duration, error) {
	pause := wait.NewBackoff(w.Most)
	pause.Began, pause.Next, pause.Longest = since, 50*time.Millisecond, longestProbe
	stopped := time.Now()
	for why != nil {
		lasted := time.Since(stopped)
		w.Observer.Waiting(fmt.Sprintf("the %s is away, for %s now; it is waited for, up to %s: %v", server, lasted.Round(time.Second), w.Most, why))
		over, err := pause.Wait(ctx)
		if err != nil {
			return server, lasted, err
		}
		if over {
			return server, lasted, &Unavailable{Server: server, Lasted: time.Since(since), Err: why}
		}
		why = w.probe(ctx)
		if also := Server(w.Source, w.Target, why); also != "" {
			server = also
		} else if why != nil {
			return server, lasted, why
		}
	}
	return server, time.Since(stopped), nil
}

func (w *Waiter) probe(ctx context.Context) error {
	if _, err := w.Source.Plan(ctx); err != nil {
		return fmt.Errorf("plan the source: %w", err)
	}
	if _, err := w.Target.Survey(ctx); err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	return nil
}
