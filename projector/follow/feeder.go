package follow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector"
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

// feeder keeps one generation equal to its source.
type feeder struct {
	*Projector

	generation sinks.Generation
	projection projector.Projection // that it was made by
	source     sources.Source       // that reads by it
	retired    bool                 // another one serves
	until      time.Time            // it is fed, if it is retired; zero: without end
	observer   *report.Observer
	trouble    string // that was told last
}

// run feeds the generation until ctx ends or something goes wrong. Behind each round in which
// no more was refused than may be, well is called. along, which may be nil, is done meanwhile;
// its error ends it.
func (f *feeder) run(ctx context.Context, well func(generation string), along func(context.Context, *catchup.Capture, *checkpoint.Store) error) (err error) {
	p, g, o, whole := f.Projector, f.generation, f.observer, ctx
	store, err := p.Open(g.Meta.Run)
	var refusal *problem.Refusal
	if errors.As(err, &refusal) {
		return &problem.Refusal{Why: refusal.Why + ": it made " + g.Name, Remedy: "name its state folder (state:, --state); or " + p.adopt()}
	}
	if err != nil {
		return fmt.Errorf("open the marks of run %s, which made %s: %w", g.Meta.Run, g.Name, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	defer func() { err = errors.Join(err, f.publishTrouble(whole, store, err)) }()
	feed, err := f.resumeCapture(ctx, store, g)
	if err != nil {
		return err
	}
	closing := func(close func(context.Context) error) {
		ctx, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		err = errors.Join(err, close(ctx))
	}
	defer closing(feed.Close)
	view, err := load.Open(ctx, catchup.SourceOf(f.source, feed), o)
	if err != nil {
		return err
	}
	defer closing(view.Close)
	reread, ok := view.(sources.Expander)
	if !ok {
		return errors.New("this source cannot read single documents again")
	}
	index, err := f.begin(ctx, g.Name)
	if err != nil {
		return err
	}
	defer closing(func(ctx context.Context) error { return f.end(ctx, index, err) })
	if err := f.publish(store, checkpoint.Feeding{}); err != nil {
		return err
	}
	w, left := f.writer(store, view, index)
	if err := left.load(); err != nil {
		return err
	}
	unflushed := flush.NewQueue(feed)
	rounds := &catchup.Rounds{Store: store, View: reread, Flush: unflushed, Writer: w, Refusals: left.kept, Role: sinks.FollowWriter}
	b := pace.NewBrake(p.Target, f.projection.Limits.Brake, w.Throttle.Pace, w.Throttle.Limiter, o.Notice)
	from := catchup.NewCapture(feed, store)
	var documents atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	if b != nil {
		group.Go(func() error { b.Watch(ctx); return nil })
	}
	group.Go(func() error { return from.Run(ctx) })
	group.Go(func() error { return unflushed.Run(ctx) })
	if along != nil {
		group.Go(func() error { return along(ctx, from, store) })
	}
	group.Go(func() error { return from.Lag(ctx, g.Name, o, documents.Load, left.count) })
	group.Go(func() error {
		return rounds.Follow(ctx, from, catchup.Following{
			MaxRejections: f.projection.Limits.Rejections, MaxPoison: f.projection.Limits.Poison, Documents: &documents,
			Told: func() error { return left.publish("") }, Well: func() { well(g.Name) },
		})
	})
	err = group.Wait()
	if aside := setAside(err); aside != "" {
		return &asideError{error: errors.Join(err, left.publish(aside)), generation: g.Name, refused: w.Book.Refusals().Len(), poison: ledger.Poisoned(view)}
	}
	return err
}

// writer writes to the generation, and books what it could not write.
func (f *feeder) writer(store *checkpoint.Store, view sources.View, index sinks.Index) (*write.Writer, *leftBehind) {
	book := ledger.NewBook(f.projection.Limits.Rejections, nil)
	book.SetIndex(f.generation.Name)
	book.DeferLetters()
	left := &leftBehind{generation: f.generation, book: book, kept: checkpoint.NewRefusals(store, f.Letters), view: view}
	return &write.Writer{
		Index: index, Base: f.generation.Meta.Epoch << 40, ByRow: f.generation.Meta.Versions == sinks.ByRow, Book: book,
		Throttle: write.Throttle{Limiter: pace.NewLimiter(f.projection.Limits.Rate), Pace: pace.NewCatchUp(catchup.Workers, index)},
	}, left
}

// resumeCapture goes on with the capture that a rebuild left, if nothing is missing.
func (f *feeder) resumeCapture(ctx context.Context, store *checkpoint.Store, g sinks.Generation) (sources.ChangeStream, error) {
	source, ok := f.source.(sources.Capturer)
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
			Remedy: "if only humpty writes to it now, " + f.adopt(),
		}
	case run != nil && run.Adopts && run.Ended == nil:
		return nil, &problem.Refusal{Why: fmt.Sprintf("run %s was making %s right, and was stopped", g.Meta.Run, g.Name), Remedy: "resume it: " + f.adoptCommand()}
	case position == "":
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("nothing is known here of the capture of run %s, which made %s: it had none, or another state folder", g.Meta.Run, g.Name),
			Remedy: "name the state folder of that run (state:, --state); or " + f.adopt(),
		}
	}
	feed, err := source.Capture(ctx, g.Meta.Run, position)
	if err != nil {
		return nil, fmt.Errorf("go on with the capture of run %s: %w", g.Meta.Run, err)
	}
	return feed, nil
}

// begin opens an index to write to it.
func (f *feeder) begin(ctx context.Context, name string) (sinks.Index, error) {
	index, err := f.Target.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", name, err)
	}
	return index, generation.BeginWriter(ctx, index, sinks.FollowWriter)
}

// end shuts the writer out, unless a server is away: then the next feed does so.
func (f *feeder) end(ctx context.Context, index sinks.Index, reason error) error {
	if outage.Server(f.source, f.Target, reason) != "" {
		return nil
	}
	return generation.EndWriter(ctx, index)
}
