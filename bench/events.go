package main

import (
	"context"
	"errors"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/events"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

const shapeEvents = "events"

// foldVariant is one way to fold that is measured.
type foldVariant struct {
	by     string
	memory int64 // 0: the engine's choice, which all of it fits into
}

// foldVariants of so many events; one has a tenth of the memory that they need.
func foldVariants(t events.Topic) []foldVariant {
	return []foldVariant{{by: engine.FoldHandlers}, {by: engine.FoldJavaScript}, {by: engine.FoldHandlers, memory: t.Bytes() / 10}}
}

// eventRuns are measurements of a topic of events.
type eventRuns struct{ *lab }

// topic makes the topic of events unless it is there.
func (l eventRuns) topic(ctx context.Context, n int) (events.Topic, error) {
	if l.servers.kafka == "" {
		return events.Topic{}, errors.New("no Kafka was started: a defect")
	}
	t := events.NewTopic(l.servers.kafka, n)
	made, err := t.Fill(ctx)
	switch {
	case err != nil:
		return t, err
	case made.Bytes == 0:
		l.say("topic %s holds %d events, from before", t.Name, t.Events)
		return t, nil
	}
	return t, l.noteEvents(t, result.Measurement{What: result.Seed, Documents: int64(t.Events), Bytes: made.Bytes, Seconds: made.Seconds})
}

func (l eventRuns) noteEvents(t events.Topic, m result.Measurement) error {
	if m.Figures == nil {
		m.Figures = map[string]float64{}
	}
	m.Shape, m.Orders = shapeEvents, t.Events/events.PerKey
	m.Figures[figure.Events] = float64(t.Events)
	return l.record(m)
}

// fetch is the limit: raw fetch of all partitions.
func (l eventRuns) fetch(ctx context.Context, t events.Topic, h half) error {
	broker := engine.Server("tcp://" + t.Broker)
	before := engine.CPU(broker)
	f, err := t.Fetch(ctx)
	if err != nil {
		return err
	}
	return l.noteEvents(t, result.Measurement{
		What: result.Fetch, Series: h.series, Pair: h.pair, Documents: f.Events, Bytes: f.Bytes, Seconds: f.Seconds,
		Settings: result.Settings{Connections: events.Partitions}, Figures: map[string]float64{figure.KafkaCPU: engine.CPU(broker) - before},
	})
}

// fold is the real thing, into nothing.
func (l eventRuns) fold(ctx context.Context, t events.Topic, f foldVariant, h half) error {
	o, err := l.runChild(ctx, engine.Spec{Do: engine.Fold, Alias: l.alias(), Events: engine.Events{Broker: t.Broker, Topic: t.Name, Fold: f.by, Memory: f.memory}})
	if err != nil {
		return err
	}
	return l.noteEvents(t, result.Measurement{
		What: result.Fold, Target: "null", Series: h.series, Pair: h.pair, Documents: o.Record.Ledger.Written, Bytes: o.Record.Ledger.Bytes,
		Seconds: o.Seconds, Settings: result.Settings{Fold: f.by, MemoryMB: float64(f.memory) / (1 << 20)}, Figures: o.Figures,
	})
}

// pairs has the folds beside the raw fetch.
func (l eventRuns) pairs(ctx context.Context, p plan) error {
	if p.events == 0 {
		return nil
	}
	t, err := l.topic(ctx, p.events)
	if err != nil {
		return err
	}
	fetch := func(h half) error { return l.fetch(ctx, t, h) }
	fold := func(h half) error {
		for _, f := range foldVariants(t) {
			if err := l.fold(ctx, t, f, h); err != nil {
				return err
			}
		}
		return nil
	}
	return p.paired(l.lab, figure.SeriesEvents, fetch, fold)
}

func (l eventRuns) foldTimes(ctx context.Context, n, times int) error {
	t, err := l.topic(ctx, n)
	if err != nil {
		return err
	}
	for range times {
		for _, f := range foldVariants(t) {
			if err := l.fold(ctx, t, f, half{}); err != nil {
				return err
			}
		}
	}
	return nil
}
