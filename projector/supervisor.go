package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/projector/outage"
	"humpty/sinks"
)

// supervisor resumes a run in this process when a server was away: as another process would,
// from what is written down.
type supervisor struct {
	run   *run // the present one
	most  time.Duration
	since time.Time // when a server was found away
}

// phases does the phases under one lease, however often a server goes away meanwhile.
func (s *supervisor) phases(ctx context.Context, lease sinks.Lease) error {
	for {
		began := time.Now()
		err := s.run.phases(ctx, lease)
		server := outage.Server(s.run.Source, s.run.Target, err)
		if server == "" || ctx.Err() != nil || s.most < 0 {
			return err
		}
		if !s.run.record.Resumable {
			return s.cannotWait(server, err)
		}
		if time.Since(began) > outage.SoundAfter || s.since.IsZero() {
			s.since = time.Now()
		}
		if err := s.waitUntilAvailable(ctx, server, err); err != nil {
			return err
		}
		s.run = s.next()
	}
}

// cannotWait says why an outage ends a run that holds a snapshot. A run that did not
// begin has nothing to lose by an error at once.
func (s *supervisor) cannotWait(server string, err error) error {
	if s.run.Live != nil || s.run.candidate.Index == nil || server != "source" {
		return err
	}
	return fmt.Errorf("%w\n    with consistency: snapshot a run cannot outlast its source, whose snapshot is gone with the connection: "+
		"start over when it is back; consistency: live can", err)
}

// waitUntilAvailable waits until both servers answer, and records that.
func (s *supervisor) waitUntilAvailable(ctx context.Context, server string, reason error) error {
	r := s.run
	w := outage.Waiter{Source: r.Source, Target: r.Target, Most: s.most, Observer: r.observer}
	server, took, err := w.Wait(ctx, s.since, server, reason)
	if err != nil {
		return err
	}
	last := r.record.Phases[len(r.record.Phases)-1].Phase
	r.record.Outages = append(r.record.Outages, outage.Outage{Server: server, Phase: last, Seconds: took.Seconds(), Reason: reason.Error()})
	r.observer.Notice(fmt.Sprintf("the %s is back after %.0f s; %s is done again where it was cut off", server, took.Seconds(), last))
	return nil
}

// next is the run as another process would resume it, and what this one knows of it.
func (s *supervisor) next() *run {
	was := s.run
	rebuild := was.Rebuild
	live := *rebuild.Live
	live.Resume = true
	rebuild.Live = &live
	r := newRun(&rebuild, was.observer.Successor())
	r.logbook.resumedInProcess, r.logbook.began = true, was.logbook.began
	r.record.Resumed, r.record.Outages = was.record.Resumed, was.record.Outages
	r.record.Checkpoints = was.record.Checkpoints + was.logbook.journal.Spent().Seconds()
	r.record.Phases, r.record.Rounds = slices.Clone(was.record.Phases), slices.Clone(was.record.Rounds)
	r.pacing.decisions, r.pacing.lastPace = was.pacing.all(), was.pacing.lastPace
	return r
}
