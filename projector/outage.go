package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"humpty/projector/observe"
	"humpty/sinks"
	"humpty/sinks/strain"
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
	Server  string        `json:"server"` // source or target
	Phase   observe.Phase `json:"phase"`  // that was cut off, and done again
	Seconds float64       `json:"seconds"`
	Reason  string        `json:"reason"`
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
		server := l.away(err)
		if server == "" || ctx.Err() != nil || l.most < 0 {
			return err
		}
		if !l.record.Resumable {
			return l.cannotWait(server, err)
		}
		if time.Since(began) > soundAfter || l.since.IsZero() {
			l.since = time.Now()
		}
		if err := l.wait(ctx, server, err); err != nil {
			return err
		}
		l.run = l.next()
	}
}

// away names the server that an error says is away, empty if it does not.
func (n *run) away(err error) string {
	var outage *Outage
	if err == nil || errors.As(err, &outage) {
		return ""
	}
	if s, ok := n.Source.(sources.Outages); ok && s.Away(err) {
		return "source"
	}
	if t, ok := n.Target.(strain.Outages); ok && t.Away(err) {
		return "target"
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

// wait asks both servers until they answer.
func (l *lives) wait(ctx context.Context, server string, err error) error {
	pause := newPause(l.most)
	pause.began, pause.next, pause.longest = l.since, 250*time.Millisecond, longestProbe
	stopped := time.Now()
	for why := err; why != nil; {
		lasted := time.Since(stopped)
		l.observer.waiting(fmt.Sprintf("the %s is away, for %s now; it is waited for, up to %s: %v", server, lasted.Round(time.Second), l.most, why))
		over, waitErr := pause.wait(ctx)
		if waitErr != nil {
			return waitErr
		}
		if over {
			return &Outage{Server: server, Lasted: time.Since(l.since), Err: why}
		}
		why = l.probe(ctx)
		if also := l.away(why); also != "" {
			server = also
		} else if why != nil {
			return why
		}
	}
	took := time.Since(stopped)
	last := l.record.Phases[len(l.record.Phases)-1].Phase
	l.record.Outages = append(l.record.Outages, Away{Server: server, Phase: last, Seconds: took.Seconds(), Reason: err.Error()})
	l.observer.notice(fmt.Sprintf("the %s is back after %.0f s; %s is done again where it was cut off", server, took.Seconds(), last))
	return nil
}

func (n *run) probe(ctx context.Context) error {
	if _, err := n.Source.Plan(ctx); err != nil {
		return fmt.Errorf("plan the source: %w", err)
	}
	if _, err := n.Target.Survey(ctx); err != nil {
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
