package demo

import (
	"context"
	"fmt"
	"time"

	"humpty/internal/testenv/shop"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

// fillTopic tells of the parcels until today.
func (d *demo) fillTopic(ctx context.Context) error {
	return d.story.step("tell of the parcels", func(step *Step) error {
		var err error
		if d.carriers, err = newCarriers(ctx, d.servers.postgres, d.servers.brokers, d.options.Seed); err != nil {
			return err
		}
		bytes, err := d.carriers.history(ctx)
		step.Rows, step.Bytes = d.carriers.events.Load(), bytes
		d.story.say("The parcels of each tenth order: %s events in topic %s.", ui.Count(step.Rows), parcelTopic)
		return err
	})
}

// parcels builds the read models that events have a part in, while carriers go on.
func (d *demo) parcels(ctx context.Context) error {
	d.story.say("Carriers keep no tables. They write an event to Kafka for whatever happens to a parcel: packed,\n"+
		"moved, delivered, lost; %s so far, and they go on. Humpty replays the topic and folds the events\n"+
		"of each parcel before it writes: once with what a table says of the order, and once into the\n"+
		"documents of the orders that are not fulfilled. Each is as of the end of the topic when it begins.\n"+
		"%[2]s rebuild parcels\n%[2]s rebuild deliveries", ui.Count(d.carriers.events.Load()), d.options.Program)
	for _, name := range []string{"parcels", "deliveries"} {
		record, err := d.replay(ctx, name)
		d.result.Replays = append(d.result.Replays, Replay{Projection: name, Record: record})
		if err != nil {
			return err
		}
		d.story.say("alias %s → %s", name, record.Generation)
	}
	if err := d.carriers.close(); err != nil {
		return err
	}
	d.result.Events = d.carriers.events.Load()
	d.story.say("The carriers go home after %s events. Somebody else reads the topic into a table, folds it in SQL\n"+
		"up to the offsets that each index names in its _meta, and every document is held against that.", ui.Count(d.result.Events))
	return d.story.step("compare with SQL: both models", func(step *Step) error {
		truth := &topicOracle{postgres: d.servers.postgres, broker: d.servers.brokers[0]}
		if err := truth.copyTopic(ctx); err != nil {
			return err
		}
		for i, oracle := range []string{parcelsOracle, deliveriesOracle} {
			r := &d.result.Replays[i]
			if err := d.compareReplay(ctx, r, truth, oracle); err != nil {
				return err
			}
			step.Documents += r.Compared.Found
		}
		return nil
	})
}

// replay rebuilds one projection to the end of the topic.
func (d *demo) replay(ctx context.Context, name string) (record projector.Record, err error) {
	r, err := d.project.rebuild(ctx, name)
	if err != nil {
		return record, err
	}
	err = d.story.withProgress(ctx, func(ctx context.Context, tell func(report.Event)) error {
		r.Observe = withoutNotices(tell)
		var err error
		record, err = r.Run(ctx)
		return err
	})
	if err != nil {
		return record, fmt.Errorf("%s: %w", name, err)
	}
	var events int64
	for _, c := range record.Inputs {
		events += c.Read
	}
	d.story.add(Step{Name: name + ": replay, load, verify, swap", Rows: events, Documents: record.Ledger.Written, Bytes: record.Ledger.Bytes, Seconds: record.Seconds})
	d.story.say("%s events are %s documents, every one compared with its sources: %s.", ui.Count(events),
		ui.Count(record.Ledger.Written), ui.Time(time.Duration(record.Seconds*float64(time.Second))))
	return record, nil
}

// compareReplay holds an index against what SQL makes of the same events.
func (d *demo) compareReplay(ctx context.Context, replay *Replay, truth *topicOracle, oracle string) error {
	r, err := d.project.rebuild(ctx, replay.Projection)
	if err != nil {
		return err
	}
	survey, err := r.Target.Survey(ctx)
	if err != nil {
		return err
	}
	for _, g := range survey.Generations {
		if g.Name == replay.Record.Generation {
			err = truth.asOf(ctx, g.Meta.Positions)
		}
	}
	if err != nil {
		return err
	}
	index, err := r.Target.Open(ctx, replay.Record.Generation)
	if err != nil {
		return err
	}
	c, err := shop.CompareQuery(ctx, d.servers.postgres, oracle, index, nil)
	if err != nil {
		return err
	}
	replay.Compared = &c
	d.story.say("%s: %s documents expected, %s found: %d missing, %d different, %d extra.", replay.Projection,
		ui.Count(c.Expected), ui.Count(c.Found), c.Missing, c.Different, c.Extra)
	if !c.Equal() {
		return fmt.Errorf("demo: %s is not what SQL says: %d documents missing, %d different, %d extra: %v",
			replay.Projection, c.Missing, c.Different, c.Extra, c.First)
	}
	return nil
}
