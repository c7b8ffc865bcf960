package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/progress"
	"humpty/internal/shop"
	"humpty/projector"
)

func (d *demo) shop(ctx context.Context) error {
	return d.timed("make the shop", func(step *Step) error {
		size, err := shop.Seed(ctx, d.postgres, shop.Options{Orders: d.options.Orders, Seed: d.options.Seed})
		if err != nil {
			return err
		}
		d.result.Shop = size
		step.Rows, step.Bytes = size.Customers+size.Orders+size.Lines, size.Bytes
		d.story.say("%s orders with %s lines by %s customers in 25 nations: %s of rows, with keys and indexes.",
			progress.Count(size.Orders), progress.Count(size.Lines), progress.Count(size.Customers), progress.Bytes(size.Bytes))
		d.story.say("The same seed (%d) makes the same shop on every machine.", d.options.Seed)
		return nil
	})
}

func (d *demo) firstBuild(ctx context.Context) error {
	d.story.say("One document for each order, with its customer, the customer's nation and all of its lines.\n" +
		"Humpty reads the tables in parallel from one snapshot, fills a fresh index, compares every\n" +
		"document with its source, and only then points the alias `orders` at it.")
	record, err := d.build(ctx, "first build", true)
	d.result.FirstBuild = &record
	if err != nil {
		return err
	}
	if d.hits, err = d.app.search(ctx); err != nil {
		return err
	}
	d.story.say("alias orders → %s", record.Generation)
	d.story.say("The application searches for walnut: %s orders.", progress.Count(d.hits))
	return nil
}

func (d *demo) disaster(ctx context.Context) error {
	index := d.result.FirstBuild.Generation
	d.story.say("Somebody cleans up. In the wrong terminal.\nDELETE /%s", index)
	if err := d.app.dropIndex(ctx, index); err != nil {
		return err
	}
	d.lost = time.Now()
	_, err := d.app.search(ctx)
	var no *refusal
	if !errors.As(err, &no) {
		return fmt.Errorf("demo: the index %s is deleted and the alias still answers (%w)", index, err)
	}
	d.story.say("The application searches for walnut: %v", no)
	d.story.emit("lost", struct {
		Index string `json:"index"`
	}{index})
	return nil
}

func (d *demo) rebuild(ctx context.Context) error {
	d.story.say("The truth is still there, in the tables. The same command as for the first build, and nothing else:\n"+
		"%s rebuild orders", d.options.Program)
	record, err := d.build(ctx, "rebuild", false)
	d.result.Rebuild = &record
	if err == nil {
		d.story.say("%s is complete. Before the alias serves it, one more question.", record.Generation)
	}
	return err
}

// build runs the engine once; without swap, the alias stays as it is.
func (d *demo) build(ctx context.Context, name string, swap bool) (projector.Record, error) {
	r, err := wired(ctx, d.config)
	if err != nil {
		return projector.Record{}, err
	}
	r.NoSwap = !swap
	var record projector.Record
	err = d.watch(ctx, func(ctx context.Context, tell func(projector.Event)) error {
		r.Observe = quietly(tell)
		var err error
		record, err = r.Run(ctx)
		return err
	})
	if err != nil {
		return record, fmt.Errorf("%s: %w", name, err)
	}
	d.addPhases(name, record)
	l, took := record.Ledger, phases(record)
	d.story.say("%s documents, %s, loaded in %s; every one compared with its source in %s.", progress.Count(l.Written),
		progress.Bytes(l.Bytes), seconds(took[projector.PhaseLoad]), seconds(took[projector.PhaseVerify]))
	return record, nil
}

// quietly leaves out what only somebody who operates it wants to know.
func quietly(tell func(projector.Event)) func(projector.Event) {
	return func(e projector.Event) {
		switch {
		case e.Kind == projector.Notice, e.Kind == projector.Waiting, e.Phase == projector.PhaseCatchUp, e.Phase == projector.PhaseCapture:
		default:
			tell(e)
		}
	}
}

func phases(r projector.Record) map[projector.Phase]float64 {
	took := map[projector.Phase]float64{}
	for _, p := range r.Phases {
		took[p.Phase] = p.Seconds
	}
	return took
}

// addPhases puts the phases of a build that did something into the timeline.
func (d *demo) addPhases(name string, r projector.Record) {
	for _, p := range r.Phases {
		step := Step{Name: name + ": " + string(p.Phase), Seconds: p.Seconds}
		switch {
		case p.Phase == projector.PhaseLoad:
			step.Rows, step.Documents, step.Bytes = r.Ledger.Inputs.Rows, r.Ledger.Written, r.Ledger.Bytes
		case p.Phase == projector.PhaseVerify:
			step.Documents, step.Bytes = r.Ledger.Written, r.Ledger.Bytes
		case p.Phase == projector.PhaseCapture, p.Phase == projector.PhaseCatchUp: // the tables are at rest
			continue
		case p.Phase == projector.PhaseSwap && r.Status != projector.Completed: // comes later
			continue
		}
		d.add(step)
	}
}

func (d *demo) compare(ctx context.Context) error {
	d.story.say("Humpty has compared the index with its own reading of the tables. For the demo, somebody else\n" +
		"checks: one naive SELECT lets PostgreSQL build each document, and every document of the index\n" +
		"is held against it, as parsed JSON with exact numbers.")
	return d.timed("compare with SQL", func(step *Step) error {
		r, err := wired(ctx, d.config)
		if err != nil {
			return err
		}
		index, err := r.Target.Open(ctx, d.result.Rebuild.Generation)
		if err != nil {
			return err
		}
		var c shop.Comparison
		err = d.watch(ctx, func(ctx context.Context, tell func(projector.Event)) error {
			const phase = projector.Phase("compare")
			tell(projector.Event{Kind: projector.Started, Phase: phase, At: time.Now()})
			var err error
			c, err = shop.Compare(ctx, d.postgres, shop.Plain, index, func(read int64) {
				tell(projector.Event{Kind: projector.Progress, Phase: phase, Done: read / 2, Total: int64(d.options.Orders)})
			})
			return err
		})
		if err != nil {
			return err
		}
		d.result.Compared, step.Documents = &c, c.Found
		d.story.say("%s documents expected, %s found: %d missing, %d different, %d extra.",
			progress.Count(c.Expected), progress.Count(c.Found), c.Missing, c.Different, c.Extra)
		if !c.Equal() {
			return fmt.Errorf("demo: the rebuilt index is not what SQL says: %d documents missing, %d different, %d extra: %v",
				c.Missing, c.Different, c.Extra, c.First)
		}
		return nil
	})
}

func (d *demo) swap(ctx context.Context) error {
	return d.timed("swap the alias", func(*Step) error {
		r, err := wired(ctx, d.config)
		if err != nil {
			return err
		}
		m := projector.Manage{Projection: r.Projection, Target: r.Target, Owner: r.Owner}
		change, err := m.Swap(ctx, d.result.Rebuild.Generation, "", false)
		if err != nil {
			return err
		}
		hits, err := d.app.search(ctx)
		if err != nil {
			return err
		}
		d.result.Without = time.Since(d.lost).Seconds()
		d.story.say("alias orders → %s", change.To)
		d.story.say("The application searches for walnut: %s orders.", progress.Count(hits))
		if hits != d.hits {
			return fmt.Errorf("demo: the search finds %d orders, before the loss it found %d", hits, d.hits)
		}
		return nil
	})
}
