package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/testenv/shop"
	"humpty/internal/ui"
	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/sources"
)

func (d *demo) startServers(ctx context.Context) error {
	d.story.say("PostgreSQL and Kafka hold the truth, Elasticsearch holds the read models. All are the real\n" +
		"thing, on free ports of 127.0.0.1; what this machine lacks is fetched once.")
	return d.story.step("start the servers", func(*Step) error {
		if err := d.servers.start(ctx, d.options.Keep); err != nil {
			return err
		}
		d.app = newApplication(d.servers.search)
		return d.project.write(d.options, d.servers)
	})
}

func (d *demo) shop(ctx context.Context) error {
	return d.story.step("make the shop", func(step *Step) error {
		size, err := shop.Seed(ctx, d.servers.postgres, shop.Options{Orders: d.options.Orders, Seed: d.options.Seed})
		if err != nil {
			return err
		}
		d.result.Shop = size
		step.Rows, step.Bytes = size.Customers+size.Orders+size.Lines, size.Bytes
		d.story.say("%s orders with %s lines by %s customers in 25 nations: %s of rows, with keys and indexes.",
			ui.Count(size.Orders), ui.Count(size.Lines), ui.Count(size.Customers), ui.Bytes(size.Bytes))
		d.story.say("The same seed (%d) makes the same shop on every machine.", d.options.Seed)
		return nil
	})
}

func (d *demo) firstBuild(ctx context.Context) error {
	d.story.say("One document for each order, with its customer, the customer's nation and all of its lines.\n" +
		"Humpty reads the tables in parallel, fills a fresh index, compares every document with its\n" +
		"source, and only then points the alias `orders` at it.")
	record, err := d.build(ctx, "first build")
	d.result.FirstBuild = &record
	if err != nil {
		return err
	}
	if d.hits, err = d.app.search(ctx); err != nil {
		return err
	}
	d.story.say("alias orders → %s", record.Generation)
	d.story.say("The application searches for walnut: %s orders.", ui.Count(d.hits))
	return nil
}

// letCustomersIn lets customers in; humpty follows what they do.
func (d *demo) letCustomersIn(ctx context.Context) error {
	return d.story.step("customers write, humpty follows", func(*Step) error {
		var opening, following error
		d.customers, opening = newCustomers(ctx, d.servers.postgres, d.options.Seed)
		d.follower, following = newFollower(ctx, d.project)
		if err := errors.Join(opening, following); err != nil {
			return err
		}
		d.carriers.start(ctx)
		before := d.customers.writes.Load()
		if err := wait.For(ctx, 2*time.Second); err != nil {
			return err
		}
		d.story.say("Customers place orders, change and cancel them, and take other names: %s transactions in 2 s.\n"+
			"They know PostgreSQL only, as carriers know Kafka only. `%s follow` keeps the index equal to it.",
			ui.Count(d.customers.writes.Load()-before), d.options.Program)
		return nil
	})
}

func (d *demo) disaster(ctx context.Context) error {
	index := d.result.FirstBuild.Generation
	d.follower.cancel()
	if err := d.follower.close(); err != nil {
		return err
	}
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
	d.story.say("The truth is still there, in the tables, and customers go on writing to them. The same command\n"+
		"as for the first build, and nothing else:\n"+
		"%s rebuild orders", d.options.Program)
	before := d.customers.writes.Load()
	record, err := d.build(ctx, "rebuild")
	d.result.Rebuild = &record
	if err != nil {
		return err
	}
	d.result.WritesMeanwhile = d.customers.writes.Load() - before
	hits, err := d.app.search(ctx)
	if err != nil {
		return err
	}
	d.result.WithoutIndex = time.Since(d.lost).Seconds()
	d.story.say("alias orders → %s", record.Generation)
	d.story.say("The application searches for walnut: %s orders (before the loss: %s).", ui.Count(hits), ui.Count(d.hits))
	d.story.say("Meanwhile customers made %s transactions; %s documents were written once more for them.",
		ui.Count(d.result.WritesMeanwhile), ui.Count(record.Ledger.Written-documentsOf(record)))
	released := d.releaseLost(ctx)
	d.follower, err = newFollower(ctx, d.project)
	return errors.Join(released, err)
}

// releaseLost drops what the lost generation's run holds on the source, as prune would.
func (d *demo) releaseLost(ctx context.Context) error {
	r, err := d.project.rebuild(ctx, "orders")
	if err != nil {
		return err
	}
	source, ok := r.Source.(sources.Capturer)
	if !ok {
		return errors.New("demo: the source cannot tell what changes")
	}
	lost := d.result.FirstBuild.Run
	return errors.Join(source.Release(ctx, lost), d.project.state.Forget("orders", lost))
}

// build runs the engine once, live.
func (d *demo) build(ctx context.Context, name string) (record projector.Record, err error) {
	r, err := d.project.rebuild(ctx, "orders")
	if err != nil {
		return record, err
	}
	store, err := d.project.state.Begin("orders", r.Owner.Run)
	if err != nil {
		return record, err
	}
	r.Live = &projector.Live{Checkpoint: store, Writer: projector.WriterFollow}
	err = d.story.withProgress(ctx, func(ctx context.Context, tell func(report.Event)) error {
		r.Observe = withoutNotices(tell)
		var err error
		record, err = r.Run(ctx)
		return err
	})
	if err = errors.Join(err, store.Close()); err != nil {
		return record, fmt.Errorf("%s: %w", name, err)
	}
	d.story.addPhases(name, record)
	took := phases(record)
	d.story.say("%s documents, loaded in %s; every one compared with its source in %s.", ui.Count(documentsOf(record)),
		seconds(took[report.PhaseLoad]), seconds(took[report.PhaseVerify]))
	return record, nil
}

func (d *demo) compare(ctx context.Context) error {
	if err := d.story.step("customers write on, and come to rest", func(*Step) error {
		if err := wait.For(ctx, 2*time.Second); err != nil {
			return err
		}
		return d.quiesce(ctx)
	}); err != nil {
		return err
	}
	d.result.Writes = d.customers.writes.Load()
	d.story.say("Customers have written on since the swap, and go home: %s transactions in all. Humpty followed.\n"+
		"Now that nobody writes, somebody else checks: one naive SELECT lets PostgreSQL build each document,\n"+
		"and every document of the index is held against it, as parsed JSON with exact numbers.", ui.Count(d.result.Writes))
	return d.story.step("compare with SQL", func(step *Step) error {
		r, err := d.project.rebuild(ctx, "orders")
		if err != nil {
			return err
		}
		index, err := r.Target.Open(ctx, d.result.Rebuild.Generation)
		if err != nil {
			return err
		}
		var c shop.Comparison
		err = d.story.withProgress(ctx, func(ctx context.Context, tell func(report.Event)) error {
			const phase = report.Phase("compare")
			tell(report.Event{Kind: report.Started, Phase: phase, At: time.Now()})
			var err error
			c, err = shop.Compare(ctx, d.servers.postgres, shop.Plain, index, func(read int64) {
				tell(report.Event{Kind: report.Progress, Phase: phase, Done: read / 2, Total: int64(d.options.Orders)})
			})
			return err
		})
		if err != nil {
			return err
		}
		d.result.Compared, step.Documents = &c, c.Found
		d.story.say("%s documents expected, %s found: %d missing, %d different, %d extra.",
			ui.Count(c.Expected), ui.Count(c.Found), c.Missing, c.Different, c.Extra)
		if !c.Equal() {
			return fmt.Errorf("demo: the rebuilt index is not what SQL says: %d documents missing, %d different, %d extra: %v",
				c.Missing, c.Different, c.Extra, c.First)
		}
		return nil
	})
}

// quiesce lets the last customer go, and waits until the read model has all that was written.
func (d *demo) quiesce(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("demo: the read model does not come to rest"))
	defer cancel()
	conn := d.customers.conn
	d.customers.cancel()
	if err := d.customers.group.Wait(); err != nil {
		return err
	}
	var id int64
	const last = "the last change of the demo"
	err := conn.QueryRow(ctx, "UPDATE shop.orders SET o_comment = $1 WHERE o_orderkey = (SELECT min(o_orderkey) FROM shop.orders) RETURNING o_orderkey", last).Scan(&id)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		comment, err := d.app.document(ctx, fmt.Sprint(id))
		if err != nil {
			return err
		}
		if comment == last { // all before it was read of the changes, too
			return errors.Join(d.follower.caughtUp(ctx), d.app.refresh(ctx))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
