package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/lease"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// present is what is to be fed: the generation that serves, and the one that served before.
type present struct {
	live     sinks.Generation
	previous sinks.Generation
	until    time.Time // how long the previous one is fed; zero: without end
	feeds    bool      // there is a previous one; its time may be over
}

// same reports whether both are the same generations, fed by the captures of the same runs.
func (a present) same(b present) bool {
	return sameFeed(a.live, b.live) && a.feeds == b.feeds && sameFeed(a.previous, b.previous)
}

// sameFeed reports whether both are one generation, fed by the capture of one run.
func sameFeed(a, b sinks.Generation) bool { return a.Name == b.Name && a.Meta.Run == b.Meta.Run }

// errSwapped says that the alias serves another generation now.
var errSwapped = errors.New("the alias serves another generation")

// serve feeds what the alias serves, until it serves something else.
func (p *Projector) serve(ctx context.Context, o *report.Observer, well func(generation string)) error {
	now, err := p.look(ctx)
	if err != nil {
		return err
	}
	live, err := p.feederOf(now.live, o)
	if err != nil {
		return p.otherDefinition(now.live, err)
	}
	all := []*feeder{live}
	if now.feeds && (now.until.IsZero() || time.Now().Before(now.until)) {
		previous, err := p.feederOf(now.previous, o)
		if err != nil {
			o.Notice(fmt.Sprintf("%s, which served before, is not fed: %v", now.previous.Name, problem.FirstLine(err)))
		} else {
			previous.retired, previous.until = true, now.until
			all = append(all, previous)
		}
	}
	p.present, p.feeding = now, all
	group, feeding := errgroup.WithContext(ctx)
	for _, f := range all {
		group.Go(func() error {
			if f.retired {
				f.keep(feeding)
				return nil
			}
			return f.run(feeding, well, nil)
		})
	}
	group.Go(func() (err error) {
		if now, err = p.waitForSwap(feeding, now); errors.Is(err, errSwapped) || feeding.Err() == nil {
			return err
		}
		return nil // it ends with the feeds, and they know why
	})
	err = errors.Join(group.Wait(), ctx.Err())
	if !errors.Is(err, errSwapped) && !needsDecision(err) {
		return err
	}
	if errors.Is(err, errSwapped) && now.live.Name != live.generation.Name {
		o.Notice(fmt.Sprintf("the alias serves %s now", now.live.Name))
	}
	return errors.Join(err, p.releaseRetired(ctx, all))
}

// feederOf is what feeds a generation, by the definition that it was made by.
func (p *Projector) feederOf(g sinks.Generation, o *report.Observer) (*feeder, error) {
	f := &feeder{Projector: p, generation: g, projection: p.Projection, source: p.Source, observer: o}
	if g.Meta.Definition == p.Projection.Hash {
		return f, nil
	}
	if p.Stored == nil || p.Projection.Feed == 0 {
		return nil, errors.New("another definition made it")
	}
	var err error
	if f.projection, f.source, err = p.Stored(g); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(p.feeding, func(was *feeder) bool { return sameFeed(was.generation, g) }) {
		return f, nil // it was told
	}
	o.Notice(fmt.Sprintf("%s is fed by the definition that it was made by, which is stored with it; that of the configuration is another one", g.Name))
	return f, nil
}

// otherDefinition says that what serves cannot be followed by what is known of its definition.
func (p *Projector) otherDefinition(live sinks.Generation, err error) error {
	why := fmt.Sprintf("projection %s was changed since %s was made: a generation has one definition", p.Projection.Name, live.Name)
	if p.Stored != nil && p.Projection.Feed != 0 {
		var refusal *problem.Refusal
		if !errors.As(err, &refusal) {
			return err // it is tried again
		}
		why += ", and " + refusal.Why
	}
	return &problem.Refusal{
		Why: why,
		Remedy: fmt.Sprintf("put it back; or make a generation of the new one: humpty rebuild %s; or, if mapping and settings stay, its documents those of the new one: %s --new-definition",
			p.Projection.Name, p.adoptCommand()),
	}
}

// source is that of what serves, as it was fed last.
func (p *Projector) source() sources.Source {
	if len(p.feeding) == 0 {
		return p.Source
	}
	return p.feeding[0].source
}

// releaseRetired releases the captures of what is not fed any more since another generation
// serves, also one of another definition, which is not followed from here.
func (p *Projector) releaseRetired(ctx context.Context, all []*feeder) error {
	survey, err := p.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	live, ok := survey.Find(survey.Live())
	if !ok {
		return nil
	}
	fed, _, feeds := p.Projection.Feed.At(survey, time.Now())
	for _, f := range all {
		if sameFeed(f.generation, live) || feeds && sameFeed(f.generation, fed) {
			continue
		}
		if err := f.release(ctx); err != nil {
			return err
		}
	}
	return nil
}

// retired reports whether what was fed serves no more: its slot went with the swap.
func (p *Projector) retired(ctx context.Context) bool {
	now, err := p.look(ctx)
	return err == nil && len(p.feeding) > 0 && !now.same(p.present)
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

// waitForSwap waits until what has to be fed is something else.
func (p *Projector) waitForSwap(ctx context.Context, was present) (present, error) {
	tick := time.NewTicker(p.every())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return was, context.Cause(ctx)
		}
		now, err := p.look(ctx)
		if err != nil {
			return was, err
		}
		if !now.same(was) {
			return now, errSwapped
		}
	}
}

// look says what is to be fed.
func (p *Projector) look(ctx context.Context) (now present, err error) {
	survey, err := p.Target.Survey(ctx)
	if err != nil {
		return now, fmt.Errorf("survey the target: %w", err)
	}
	live, ok := survey.Find(survey.Live())
	if !ok {
		return now, &problem.Refusal{
			Why:    fmt.Sprintf("alias %s does not serve one generation of humpty's: there is nothing to follow", survey.Alias),
			Remedy: fmt.Sprintf("make one: humpty rebuild %s, with writer: follow", p.Projection.Name),
		}
	}
	now.live = live
	now.previous, now.until, now.feeds = p.Projection.Feed.Previous(survey)
	return now, nil
}

// CatchUp writes what is committed by now to a generation that is fed, where no process feeds it
// at the moment, and returns. The next Run continues where it ended.
func (p *Projector) CatchUp(ctx context.Context, name string) error {
	survey, err := p.Target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	g, ok := survey.Find(name)
	if !ok {
		return fmt.Errorf("index %s is not a generation of alias %s", name, survey.Alias)
	}
	f, err := p.feederOf(g, report.NewObserver(p.Observe))
	if err != nil {
		return fmt.Errorf("feed %s: %w", name, err)
	}
	err = f.run(ctx, func(string) {}, f.reached)
	if errors.Is(err, errReached) {
		return nil
	}
	return fmt.Errorf("catch %s up: %w", name, err)
}
