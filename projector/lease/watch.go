package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/printable"
	"humpty/internal/wait"
	"humpty/sinks"
)

// lookEvery is how often the lease of another is looked at.
const lookEvery = 500 * time.Millisecond

// watch looks at the lease of another. Whether its owner lives is told by whether it changes, by
// the clock of the one who looks: what the lease says of time is by another clock.
type watch struct {
	seen  sinks.Lease
	since time.Time
}

// look is told what the lease is now. renewed: it has changed since it was looked at first;
// still: for how long it has not.
func (w *watch) look(now sinks.Lease) (renewed bool, still time.Duration) {
	at := time.Now()
	if w.since.IsZero() {
		w.seen, w.since = now, at
	}
	return now.Token != w.seen.Token, at.Sub(w.since)
}

// acquire takes the lease if it is free, the run's own, or has not changed for as long as a lease
// lasts. A run has one process at a time, so the one before is dead.
func (h *Hold) acquire(ctx context.Context, leases sinks.Leases) (sinks.Lease, error) {
	var w watch
	told := false
	for {
		now, err := leases.Holder(ctx)
		if err != nil {
			return now, err
		}
		if !now.Free() && now.Owner.Run != h.Owner.Run {
			renewed, still := w.look(now)
			if renewed {
				return now, &sinks.Held{Lease: now}
			}
			if still < Duration {
				if still > 2*renewEvery && !told && h.Waiting != nil {
					h.Waiting(fmt.Sprintf("for run %s (%s, pid %d on %s): its lease has not changed for %s, and is taken over after %s",
						printable.Value(now.Owner.Run), printable.Value(now.Owner.Verb), now.Owner.PID, printable.Value(now.Owner.Host), still.Round(time.Second), Duration))
					told = true
				}
				if err := wait.For(ctx, lookEvery); err != nil {
					return now, err
				}
				continue
			}
		}
		taken, err := leases.Take(ctx, now, h.Owner, Duration)
		var held *sinks.Held
		if errors.As(err, &held) && (held.Lease.Free() || held.Lease.Owner.Run == h.Owner.Run) {
			continue
		}
		return taken, err
	}
}
