package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/projector/outage"
	"humpty/sinks"
)

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
		server := outage.Server(l.Source, l.Target, err)
		if server == "" || ctx.Err() != nil || l.most < 0 {
			return err
		}
		if !l.record.Resumable {
			return l.cannotWait(server, err)
		}
		if time.Since(began) > outage.SoundAfter || l.since.IsZero() {
			l.since = time.Now()
		}
		if err := l.outlast(ctx, server, err); err != nil {
			return err
		}
		l.run = l.next()
	}
}

// cannotWait says why an outage ends a run that holds a snapshot. A run that did not
// begin has nothing to lose by an error at once.
func (n *run) cannotWait(server string, err error) error {
	if n.Live != nil || n.candidate.Index == nil || server != "source" {
		return err
	}
	return fmt.Errorf("%w\n    with consistency: snapshot a run cannot outlast its source, whose snapshot is gone with the connection: "+
		"start over when it is back; consistency: live can", err)
}

// outlast waits, and records that.
func (l *lives) outlast(ctx context.Context, server string, reason error) error {
	w := outage.Waiter{Source: l.Source, Target: l.Target, Most: l.most, Observer: l.observer}
	server, took, err := w.Wait(ctx, l.since, server, reason)
	if err != nil {
		return err
	}
	last := l.record.Phases[len(l.record.Phases)-1].Phase
	l.record.Outages = append(l.record.Outages, outage.Outage{Server: server, Phase: last, Seconds: took.Seconds(), Reason: reason.Error()})
	l.observer.Notice(fmt.Sprintf("the %s is back after %.0f s; %s is done again where it was cut off", server, took.Seconds(), last))
	return nil
}

// next is the run as another process would go on with it, and what this one knows of it.
func (n *run) next() *run {
	r := n.Rebuild
	live := *r.Live
	live.Resume = true
	r.Live = &live
	m := newRun(&r, n.observer.Successor())
	m.again, m.began = true, n.began
	m.record.Resumed, m.record.Outages = n.record.Resumed, n.record.Outages
	m.record.Checkpoints = n.record.Checkpoints + n.journal.Spent().Seconds()
	m.record.Phases, m.record.Rounds = slices.Clone(n.record.Phases), slices.Clone(n.record.Rounds)
	m.record.Pace, m.came = n.pace(), n.came
	return m
}
