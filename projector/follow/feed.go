package follow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/flush"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/load"
	"humpty/projector/outage"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// feed keeps one generation equal to its source, until ctx ends or something goes wrong.
// Behind each round in which no more was refused than may be, well is called.
func (p *Projector) feed(ctx context.Context, g sinks.Generation, o *report.Observer, well func(generation string)) (err error) {
	store, err := p.Open(g.Meta.Run)
	var refusal *problem.Refusal
	if errors.As(err, &refusal) {
		return &problem.Refusal{Why: refusal.Why + ": it made " + g.Name, Remedy: "name its state folder (state:, --state); or " + p.adopt()}
	}
	if err != nil {
		return fmt.Errorf("open the marks of run %s, which made %s: %w", g.Meta.Run, g.Name, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	feed, err := p.resumeCapture(ctx, store, g)
	if err != nil {
		return err
	}
	closing := func(close func(context.Context) error) {
		ctx, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		err = errors.Join(err, close(ctx))
	}
	defer closing(feed.Close)
	view, err := load.Open(ctx, catchup.SourceOf(p.Source, feed), o)
	if err != nil {
		return err
	}
	defer closing(view.Close)
	reread, ok := view.(sources.Expander)
	if !ok {
		return errors.New("this source cannot read single documents again")
	}
	index, err := p.begin(ctx, g.Name)
	if err != nil {
		return err
	}
	defer closing(func(ctx context.Context) error { return p.end(ctx, index, err) })
	book := ledger.NewBook(p.Projection.Limits.Rejections, nil)
	book.SetIndex(g.Name)
	book.DeferLetters()
	left := &leftBehind{generation: g, book: book, kept: checkpoint.NewRefusals(store, p.Letters), view: view}
	if err := left.load(); err != nil {
		return err
	}
	w := &write.Writer{
		Index: index, Base: g.Meta.Epoch << 40, ByRow: p.Projection.Versions == write.ByRow, Book: book,
		Throttle: write.Throttle{Limiter: pace.NewLimiter(p.Projection.Limits.Rate), Pace: pace.NewCatchUp(catchup.Workers, index)},
	}
	unflushed := flush.NewQueue(feed)
	rounds := &catchup.Rounds{Store: store, View: reread, Flush: unflushed, Writer: w, Refusals: left.kept, Role: sinks.FollowWriter}
	b := pace.NewBrake(p.Target, p.Projection.Limits.Brake, w.Throttle.Pace, w.Throttle.Limiter, o.Notice)
	from := catchup.NewCapture(feed, store)
	var documents atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	if b != nil {
		group.Go(func() error { b.Watch(ctx); return nil })
	}
	group.Go(func() error { return from.Run(ctx) })
	group.Go(func() error { return unflushed.Run(ctx) })
	group.Go(func() error { return from.Lag(ctx, g.Name, o, documents.Load, left.count) })
	group.Go(func() error {
		return rounds.Follow(ctx, from, catchup.Following{
			MaxRejections: p.Projection.Limits.Rejections, MaxPoison: p.Projection.Limits.Poison, Documents: &documents,
			Told: func() error { return left.publish("") }, Well: func() { well(g.Name) },
		})
	})
	err = group.Wait()
	if aside := setAside(err); aside != "" {
		return &asideError{error: errors.Join(err, left.publish(aside)), generation: g.Name, refused: book.Refusals().Len(), poison: ledger.Poisoned(view)}
	}
	return err
}

// adoptCommand makes right what is served, whatever was lost.
func (p *Projector) adoptCommand() string {
	return fmt.Sprintf("humpty follow %s --adopt", p.Projection.Name)
}

// adopt says what to do where changes were lost.
func (p *Projector) adopt() string {
	return "make it right, for one reading of both sides: " + p.adoptCommand()
}

// resumeCapture goes on with the capture that a rebuild left, if nothing is missing.
func (p *Projector) resumeCapture(ctx context.Context, store *checkpoint.Store, g sinks.Generation) (sources.ChangeStream, error) {
	source, ok := p.Source.(sources.Capturer)
	if !ok {
		return nil, &problem.Refusal{Why: "this source cannot tell what changes", Remedy: "only tables with consistency: live can be followed"}
	}
	position, err := store.Position()
	if err != nil {
		return nil, err
	}
	swapped, err := store.Swap.Recorded()
	if err != nil {
		return nil, err
	}
	run, err := checkpoint.ReadRun(store)
	switch {
	case err != nil:
		return nil, err
	case swapped:
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("the application writes to %s (it was handed over): to follow would undo its writes", g.Name),
			Remedy: "if only humpty writes to it now, " + p.adopt(),
		}
	case run != nil && run.Adopts && run.Ended == nil:
		return nil, &problem.Refusal{Why: fmt.Sprintf("run %s was making %s right, and was stopped", g.Meta.Run, g.Name), Remedy: "resume it: " + p.adoptCommand()}
	case position == "":
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("nothing is known here of the capture of run %s, which made %s: it had none, or another state folder", g.Meta.Run, g.Name),
			Remedy: "name the state folder of that run (state:, --state); or " + p.adopt(),
		}
	}
	feed, err := source.Capture(ctx, g.Meta.Run, position)
	if err != nil {
		return nil, fmt.Errorf("go on with the capture of run %s: %w", g.Meta.Run, err)
	}
	return feed, nil
}

// begin opens an index to write to it.
func (p *Projector) begin(ctx context.Context, name string) (sinks.Index, error) {
	index, err := p.Target.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", name, err)
	}
	return index, generation.BeginWriter(ctx, index, sinks.FollowWriter)
}

// end shuts the writer out, unless a server is away: then the next feed does so.
func (p *Projector) end(ctx context.Context, index sinks.Index, reason error) error {
	if outage.Server(p.Source, p.Target, reason) != "" {
		return nil
	}
	return generation.EndWriter(ctx, index)
}
