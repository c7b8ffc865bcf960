// Package follow is the live projector: it keeps what an alias serves equal to its source.
package follow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Projector is the live projector: it takes over the capture of the generation that the alias
// serves, as a rebuild with WriterFollow left it, and keeps the generation equal to its
// source. It needs no lease: a capture has one reader at a time. A rebuild may run beside
// it, and when the alias serves another generation, it continues with that one. With
// Projection.Feed it feeds the generation that served before, too, for a while: a rollback to it
// loses nothing. What goes wrong with that one does not hold up what serves.
type Projector struct {
	Projection projector.Projection
	Source     sources.Source
	Target     sinks.Target

	// Open opens the marks of a run, where the rebuild had them (Live.Marks). It is
	// called again whenever the alias serves another generation or something went
	// wrong, and may fail for a while: the rebuild that swapped may not have ended.
	Open func(run string) (*checkpoint.Store, error)

	Letters *deadletter.Writer // where what is refused goes, once each; may be nil

	// Stored is the definition that a generation was made by, as it was stored with it, and the
	// source that reads by it. With Projection.Feed a generation is kept up to date by its own
	// definition, whatever Projection is by then. May be nil: only those of Projection are fed.
	Stored func(g sinks.Generation) (projector.Projection, sources.Source, error)

	Observe   func(report.Event) // may be nil; Lagging events say how far behind it is
	MaxOutage time.Duration      // how long a server is waited for that went away; 15 min by default, negative: not at all

	hurry   bool      // of tests: look often
	present present   // what was to be fed last
	feeding []*feeder // what was fed last, what serves first
}

const (
	aliasEvery   = 5 * time.Second  // how often the alias is looked at
	retriedFor   = 10 * time.Minute // how long it is tried to go on while something else goes wrong
	asideFor     = time.Minute      // how long a projection is set aside before it is tried again
	longestRetry = 10 * time.Second
)

// Run follows until ctx ends, and returns nil then: what was read of the source is durable
// or not acknowledged, so a later Run goes on there. Servers that are away are waited for
// up to MaxOutage, then an *Outage is returned; other troubles are outlasted for ten
// minutes. What cannot be outlasted is returned: a *sources.ErrChangesLost (rebuild), a *Refusal,
// a problem.List.
//
// A document that is refused is kept as such in the state, and holds up no other. When more
// are refused than the limit allows, the projection is set aside: it is tried again each
// minute, and if ctx ends meanwhile Run returns why, a *TooManyRejections or *TooMuchPoison.
func (p *Projector) Run(ctx context.Context) error {
	o := report.NewObserver(p.Observe)
	o.Start(report.PhaseFollow)
	start := time.Now()
	var aside atomic.Pointer[asideError]
	err := p.run(ctx, o, &aside)
	if ctx.Err() != nil {
		err = nil
	}
	if why := aside.Load(); err == nil && why != nil {
		err = why
	}
	o.End(report.PhaseFollow, time.Since(start), err)
	if err != nil {
		return fmt.Errorf("follow %s: %w", p.Projection.Name, err)
	}
	return nil
}

func (p *Projector) run(ctx context.Context, o *report.Observer, aside *atomic.Pointer[asideError]) error {
	retry := wait.NewBackoff(retriedFor)
	var since time.Time // when a server was found away
	for {
		start := time.Now()
		err := p.serve(ctx, o, func(generation string) {
			if was := aside.Load(); was != nil && was.generation == generation {
				aside.CompareAndSwap(was, nil)
			}
		})
		w := outage.Waiter{Source: p.source(), Target: p.Target, Most: outage.Limit(p.MaxOutage), Observer: o}
		if server := outage.Server(w.Source, p.Target, err); server != "" && ctx.Err() == nil && w.Most > 0 {
			if time.Since(start) > outage.SoundAfter || since.IsZero() {
				since = time.Now()
			}
			server, took, err := w.Wait(ctx, since, server, err)
			if err != nil {
				return p.explain(err)
			}
			o.Notice(fmt.Sprintf("the %s is back after %.0f s", server, took.Seconds()))
			continue
		}
		var gap *sources.ErrChangesLost
		var fenced *sinks.Fenced
		var refused *asideError
		switch {
		case errors.As(err, &refused): // also if ctx has ended meanwhile: it says why
			p.tellAside(o, refused, aside.Swap(refused) == nil)
			if wait.For(ctx, p.asideFor()) != nil {
				return err
			}
			continue
		case ctx.Err() == nil && needsDecision(err) && p.busy(ctx, o, err), ctx.Err() == nil && errors.As(err, &gap) && p.mended(ctx, o, err):
			if err := wait.For(ctx, p.every()); err != nil {
				return err
			}
			continue
		case errors.As(err, &gap) && ctx.Err() == nil:
			return fmt.Errorf("%w\n%s", err, p.adopt())
		case ctx.Err() != nil, errors.As(err, &fenced), needsDecision(err):
			return err
		case errors.Is(err, errSwapped):
			continue
		case time.Since(start) > outage.SoundAfter:
			retry = wait.NewBackoff(retriedFor)
		}
		o.Notice(err.Error() + "\n    it is tried again")
		retry.Longest = longestRetry
		over, waitErr := retry.Wait(ctx)
		if over || waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}

// needsDecision reports whether trying again cannot help: the operator has to decide, or to put the
// source or the target right.
func needsDecision(err error) bool {
	var refusal *problem.Refusal
	var wrong problem.List
	return errors.As(err, &refusal) || errors.As(err, &wrong)
}

// tellAside tells that the projection is set aside, in full the first time.
func (p *Projector) tellAside(o *report.Observer, why *asideError, first bool) {
	if first {
		o.Notice(fmt.Sprintf("%v\n    %s is set aside, and tried again each minute; other projections are not held up\n"+
			"    look at them: humpty dlq list %[2]s; put the rows or the mapping right, or raise limits.rejections or limits.poison", why, p.Projection.Name))
	}
	o.Tell(report.Event{Kind: report.Lagging, Lag: &report.Lag{
		Generation: why.generation, Refused: why.refused, Poison: why.poison, Aside: setAside(why),
	}})
}

func (p *Projector) asideFor() time.Duration {
	if p.hurry {
		return 10 * time.Millisecond
	}
	return asideFor
}

// explain says what to do when a server was away for too long.
func (p *Projector) explain(err error) error {
	var outage *outage.Unavailable
	if !errors.As(err, &outage) {
		return err
	}
	return fmt.Errorf("%w\n    humpty follow %s goes on where it was when the %s is back", err, p.Projection.Name, outage.Server)
}

// adoptCommand makes right what is served, whatever was lost.
func (p *Projector) adoptCommand() string {
	return fmt.Sprintf("humpty follow %s --adopt", p.Projection.Name)
}

// adopt says what to do where changes were lost.
func (p *Projector) adopt() string {
	return "make it right, for one reading of both sides: " + p.adoptCommand()
}
