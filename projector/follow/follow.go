// Package follow is the live projector: it keeps what an alias serves equal to its source.
package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/lease"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Projector is the live projector: it takes over the capture of the generation that the alias
// serves, as a rebuild with WriterFollow left it, and keeps the generation equal to its
// source. It needs no lease: a capture has one reader at a time. A rebuild may run beside
// it, and when the alias serves another generation, it goes on with that one.
type Projector struct {
	Projection projector.Projection
	Source     sources.Source
	Target     sinks.Target

	// Open opens the marks of a run, where the rebuild had them (Live.Marks). It is
	// called again whenever the alias serves another generation or something went
	// wrong, and may fail for a while: the rebuild that swapped may not have ended.
	Open func(run string) (*checkpoint.Store, error)

	Letters *deadletter.Writer // where what is refused goes, once each; may be nil

	KeepPrevious bool               // feed the generation that was live before, too: a rollback then loses nothing
	Observe      func(report.Event) // may be nil; Lagging events say how far behind it is
	MaxOutage    time.Duration      // how long a server is waited for that went away; 15 min by default, negative: not at all

	hurry   bool               // of tests: look often
	feeding []sinks.Generation // what was fed last
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
	w := outage.Waiter{Source: p.Source, Target: p.Target, Most: outage.Limit(p.MaxOutage), Observer: o}
	var since time.Time // when a server was found away
	for {
		start := time.Now()
		err := p.serve(ctx, o, func(generation string) {
			if was := aside.Load(); was != nil && was.generation == generation {
				aside.CompareAndSwap(was, nil)
			}
		})
		if server := outage.Server(p.Source, p.Target, err); server != "" && ctx.Err() == nil && w.Most > 0 {
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

// needsDecision reports whether trying again cannot help: somebody has to decide, or to put the
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

// errSwapped says that the alias serves another generation now.
var errSwapped = errors.New("the alias serves another generation")

// serve feeds what the alias serves, until it serves something else.
func (p *Projector) serve(ctx context.Context, o *report.Observer, well func(generation string)) error {
	all, err := p.generations(ctx)
	if err != nil {
		return err
	}
	group, feeding := errgroup.WithContext(ctx)
	for i, g := range all {
		group.Go(func() error {
			err := p.feed(feeding, g, o, well)
			var gap *sources.ErrChangesLost
			if i > 0 && (errors.As(err, &gap) || needsDecision(err)) { // what serves is fed on
				o.Notice(fmt.Sprintf("%s, which served before, is not fed any more: %v", g.Name, problem.FirstLine(err)))
				return nil
			}
			return err
		})
	}
	var now []sinks.Generation
	group.Go(func() (err error) {
		if now, err = p.waitForSwap(feeding, all); errors.Is(err, errSwapped) || feeding.Err() == nil {
			return err
		}
		return nil // it ends with the feeds, and they know why
	})
	p.feeding = all
	err = errors.Join(group.Wait(), ctx.Err())
	if !errors.Is(err, errSwapped) && !needsDecision(err) {
		return err
	}
	if errors.Is(err, errSwapped) {
		o.Notice(fmt.Sprintf("the alias serves %s now", now[0].Name))
	}
	return errors.Join(err, p.releaseRetired(ctx, all))
}

// releaseRetired releases the captures of what is not fed any more since another generation
// serves, also one of another definition, which is not followed from here.
func (p *Projector) releaseRetired(ctx context.Context, all []sinks.Generation) error {
	survey, err := p.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	source, can := p.Source.(sources.Capturer)
	if _, ok := survey.Find(survey.Live()); !ok || !can {
		return nil
	}
	fed := p.fed(survey)
	for _, g := range all {
		if slices.ContainsFunc(fed, func(n sinks.Generation) bool { return sameFeed(n, g) }) {
			continue
		}
		if err := source.Release(ctx, g.Meta.Run); err != nil {
			return fmt.Errorf("release the capture of %s: %w", g.Name, err)
		}
	}
	return nil
}

// sameFeed reports whether both are one generation, fed by the capture of one run.
func sameFeed(a, b sinks.Generation) bool { return a.Name == b.Name && a.Meta.Run == b.Meta.Run }

// retired reports whether what was fed serves no more: its slot went with the swap.
func (p *Projector) retired(ctx context.Context) bool {
	now, err := p.generations(ctx)
	return err == nil && len(p.feeding) > 0 && !slices.EqualFunc(p.feeding, now, sameFeed)
}

// mended reports whether a gap is no matter any more, or a run is about to close it: a rollback
// changes the alias first, and takes the lease again to make right what serves then.
func (p *Projector) mended(ctx context.Context, o *report.Observer, gap error) bool {
	if p.retired(ctx) || p.busy(ctx, o, gap) {
		return true
	}
	return wait.For(ctx, p.every()) == nil && (p.retired(ctx) || p.busy(ctx, o, gap))
}

// busy reports whether a run holds the lease: it may be making right what is refused now.
func (p *Projector) busy(ctx context.Context, o *report.Observer, why error) bool {
	state, err := lease.Read(ctx, p.Target)
	if err != nil || state == nil || !state.Held {
		return false
	}
	o.Waiting(fmt.Sprintf("for run %s (%s): %s", state.Lease.Owner.Run, state.Lease.Owner.Verb, problem.FirstLine(why)))
	return true
}

// every is how often the alias is looked at.
func (p *Projector) every() time.Duration {
	if p.hurry {
		return 10 * time.Millisecond
	}
	return aliasEvery
}

// waitForSwap waits until what has to be fed is not all any more.
func (p *Projector) waitForSwap(ctx context.Context, all []sinks.Generation) ([]sinks.Generation, error) {
	tick := time.NewTicker(p.every())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		now, err := p.generations(ctx)
		if err != nil {
			return nil, err
		}
		if !slices.EqualFunc(all, now, sameFeed) {
			return now, errSwapped
		}
	}
}

// generations are those to be fed, the live one first.
func (p *Projector) generations(ctx context.Context) ([]sinks.Generation, error) {
	survey, err := p.Target.Survey(ctx)
	if err != nil {
		return nil, fmt.Errorf("survey the target: %w", err)
	}
	live, ok := survey.Find(survey.Live())
	switch {
	case !ok:
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("alias %s does not serve one generation of humpty's: there is nothing to follow", survey.Alias),
			Remedy: fmt.Sprintf("make one: humpty rebuild %s, with writer: follow", p.Projection.Name),
		}
	case live.Meta.Definition != p.Projection.Hash:
		return nil, &problem.Refusal{
			Why: fmt.Sprintf("projection %s was changed since %s was made: a generation has one definition", p.Projection.Name, live.Name),
			Remedy: fmt.Sprintf("put it back; or make a generation of the new one: humpty rebuild %s; or, if mapping and settings stay, its documents those of the new one: %s --new-definition",
				p.Projection.Name, p.adoptCommand()),
		}
	}
	return p.fed(survey), nil
}

// fed are the generation that serves and, if that is asked for, the one before.
func (p *Projector) fed(survey sinks.Survey) []sinks.Generation {
	live, _ := survey.Find(survey.Live())
	all := []sinks.Generation{live}
	if previous, ok := survey.Find(live.Meta.Previous); ok && p.KeepPrevious && previous.Meta.Definition == p.Projection.Hash {
		all = append(all, previous)
	}
	return all
}
