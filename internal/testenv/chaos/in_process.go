package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/follow"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources/postgres"
)

// inProcess is the engine in this process.
type inProcess struct {
	world  *world
	source *postgres.Source
	events atomic.Int64
}

// id is a run's. Other histories may share the server, and slots are named after runs.
func (e *inProcess) id(run string) string {
	return fmt.Sprintf("%d-%s-%s", e.world.plan.Seed, e.world.plan.Mode, run)
}

func (e *inProcess) marks(run string) (*checkpoint.Store, error) {
	return checkpoint.Open(filepath.Join(e.world.dir, run), checkpoint.Options{})
}

func (e *inProcess) projection() projector.Projection {
	feed := generation.FeedFor(0)
	if e.world.plan.Seed%2 == 0 {
		feed = -1
	}
	return projector.Projection{
		Name: "chaos", Feed: feed, Alias: e.world.alias, Versions: "class", Hash: "1",
		Index:  json.RawMessage(`{"settings": {"number_of_shards": 2, "number_of_replicas": 0}, "mappings": {"dynamic": false}}`),
		Limits: projector.Limits{Batch: 4 << 10, MaxShrink: 1}, // tables are truncated
	}
}

// rebuild runs one. Every second one is interrupted at one of its events and goes on, or,
// where that came before there was anything to go on with, another one begins.
func (e *inProcess) rebuild(ctx context.Context, run string) (rec projector.Record, err error) {
	at := int64(0)
	if events := e.events.Load(); run == "second" && events > 0 && e.world.rng.IntN(2) == 0 {
		at = 1 + e.world.rng.Int64N(events+5)
	}
	rec, err = e.attempt(ctx, run, false, at)
	switch {
	case !errors.Is(err, context.Canceled) || ctx.Err() != nil:
		return rec, err
	case rec.Resumable:
		return e.attempt(ctx, run, true, 0)
	}
	return e.attempt(ctx, run+retrySuffix, false, 0)
}

// retrySuffix ends the name of a run that begins in place of another one.
const retrySuffix = "-again"

// runs are all that there can have been.
var runs = [...]string{"first", "second", "second" + retrySuffix, "third"}

// release gives up what runs left on the source.
func (e *inProcess) release(ctx context.Context) error {
	for _, run := range runs {
		if err := e.source.Release(ctx, e.id(run)); err != nil {
			return err
		}
	}
	return nil
}

func (e *inProcess) attempt(ctx context.Context, run string, resume bool, at int64) (projector.Record, error) {
	store, err := e.marks(e.id(run))
	if err != nil {
		return projector.Record{}, err
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	seen := int64(0)
	r := projector.Rebuild{
		Projection: e.projection(), Source: e.source, Target: e.world.target, AllowEmpty: true,
		Owner: sinks.Owner{Run: e.id(run), Verb: "rebuild"},
		Observe: func(report.Event) {
			if seen++; seen == at {
				interrupt()
			}
		},
	}
	if e.world.plan.Mode != Snapshot {
		r.Live = &projector.Live{Checkpoint: store, Writer: e.world.plan.Mode, Resume: resume}
	}
	rec, err := r.Run(ctx)
	e.events.Add(seen)
	return rec, errors.Join(err, store.Close())
}

// follow is humpty follow.
func (e *inProcess) follow(ctx context.Context, told chan<- caughtUp) error {
	f := follow.Projector{
		Projection: e.projection(), Source: e.source, Target: e.world.target, Open: e.marks,
		Observe: func(said report.Event) {
			if said.Kind == report.Notice || said.Kind == report.Waiting {
				e.world.journal.note("follow: %s", said.Text)
			}
			if said.Kind == report.Lagging && said.Lag.Behind == 0 && said.Lag.Backlog == 0 {
				caughtUp{said.Lag.Generation, said.At}.tell(told)
			}
		},
	}
	return f.Run(ctx)
}

// repair is not had in this process: what a handover named is left out of the comparison.
func (e *inProcess) repair(context.Context) error { return nil }

// status is what the target says.
func (e *inProcess) status(ctx context.Context) (sinks.Survey, error) {
	return e.world.target.Survey(ctx)
}
