package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Outage is the error of a run that has waited for a server as long as it may.
type Outage struct {
	Server string // source or target
	Lasted time.Duration
	Err    error // what it said last
}

func (o *Outage) Error() string {
	return fmt.Sprintf("the %s was away for %s: %v", o.Server, o.Lasted.Round(time.Second), o.Err)
}

func (o *Outage) Unwrap() error { return o.Err }

// Away is an outage that a run went through.
type Away struct {
	Server  string       `json:"server"` // source or target
	Phase   report.Phase `json:"phase"`  // that was cut off, and done again
	Seconds float64      `json:"seconds"`
	Reason  string       `json:"reason"`
}

const (
	defaultOutage = 15 * time.Minute
	longestProbe  = time.Second // so long after an outage nothing may happen yet
)

// outageOf is how long a server may be away.
func outageOf(most time.Duration) time.Duration {
	if most == 0 {
		return defaultOutage
	}
	return most
}

// lives are a run and how it goes on in this process when a server was away: as another
// process would, from what is written down.
type lives struct {
	*run
	most  time.Duration
	since time.Time // when a server was found away
}

// live does the phases under one lease, however often a server goes away meanwhile.
func (l *lives) live(ctx context.Context, lease sinks.Lease) error {
	for {
		began := time.Now()
		err := l.phases(ctx, lease)
		server := away(l.Source, l.Target, err)
		if server == "" || ctx.Err() != nil || l.most < 0 {
			return err
		}
		if !l.record.Resumable {
			return l.cannotWait(server, err)
		}
		if time.Since(began) > soundAfter || l.since.IsZero() {
			l.since = time.Now()
		}
		if err := l.outlast(ctx, server, err); err != nil {
			return err
		}
		l.run = l.next()
	}
}

// away names the server that an error says is away, empty if it does not. A target knows its
// own errors; a source takes every broken connection for its own.
func away(source sources.Source, target sinks.Target, err error) string {
	var outage *Outage
	if err == nil || errors.As(err, &outage) {
		return ""
	}
	if t, ok := target.(sinks.Outages); ok && t.IsUnavailable(err) {
		return "target"
	}
	if s, ok := source.(sources.Outages); ok && s.IsUnavailable(err) {
		return "source"
	}
	return ""
}

// cannotWait says why an outage ends a run that holds a snapshot. A run that did not
// begin has nothing to lose by an error at once.
func (n *run) cannotWait(server string, err error) error {
	if n.Live != nil || n.index == nil || server != "source" {
		return err
	}
	return fmt.Errorf("%w\n    with consistency: snapshot a run cannot outlast its source, whose snapshot is gone with the connection: "+
		"start over when it is back; consistency: live can", err)
}

// outlast waits, and records that.
func (l *lives) outlast(ctx context.Context, server string, reason error) error {
	w := patience{source: l.Source, target: l.Target, most: l.most, observer: &l.observer}
	server, took, err := w.until(ctx, l.since, server, reason)
	if err != nil {
		return err
	}
	last := l.record.Phases[len(l.record.Phases)-1].Phase
	l.record.Outages = append(l.record.Outages, Away{Server: server, Phase: last, Seconds: took.Seconds(), Reason: reason.Error()})
	l.observer.notice(fmt.Sprintf("the %s is back after %.0f s; %s is done again where it was cut off", server, took.Seconds(), last))
	return nil
}

// patience is what servers that went away are waited for with.
type patience struct {
	source   sources.Source
	target   sinks.Target
	most     time.Duration
	observer *observer
}

// until asks both servers until they answer, and says which was away last, and for how long;
// since is when one was found away, by which the wait is bounded.
func (w *patience) until(ctx context.Context, since time.Time, server string, why error) (string, time.Duration, error) {
	pause := newPause(w.most)
	pause.began, pause.next, pause.longest = since, 50*time.Millisecond, longestProbe
	stopped := time.Now()
	for why != nil {
		lasted := time.Since(stopped)
		w.observer.waiting(fmt.Sprintf("the %s is away, for %s now; it is waited for, up to %s: %v", server, lasted.Round(time.Second), w.most, why))
		over, err := pause.wait(ctx)
		if err != nil {
			return server, lasted, err
		}
		if over {
			return server, lasted, &Outage{Server: server, Lasted: time.Since(since), Err: why}
		}
		why = w.probe(ctx)
		if also := away(w.source, w.target, why); also != "" {
			server = also
		} else if why != nil {
			return server, lasted, why
		}
	}
	return server, time.Since(stopped), nil
}

func (w *patience) probe(ctx context.Context) error {
	if _, err := w.source.Plan(ctx); err != nil {
		return fmt.Errorf("plan the source: %w", err)
	}
	if _, err := w.target.Survey(ctx); err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	return nil
}

// next is the run as another process would go on with it, and what this one knows of it.
func (n *run) next() *run {
	r := n.Rebuild
	live := *r.Live
	live.Resume = true
	r.Live = &live
	m := newRun(&r)
	m.again, m.began = true, n.began
	m.record.Resumed, m.record.Outages = n.record.Resumed, n.record.Outages
	m.record.Checkpoints = n.record.Checkpoints + n.journal.spent().Seconds()
	m.record.Phases, m.record.Rounds = slices.Clone(n.record.Phases), slices.Clone(n.record.Rounds)
	m.record.Pace, m.came = n.pace(), n.came
	m.observer.notices, m.observer.doing, m.observer.forecast = n.observer.said(), n.observer.doing, n.observer.forecast
	return m
}
