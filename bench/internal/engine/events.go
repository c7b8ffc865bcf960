package engine

import (
	"context"
	_ "embed" // the folds are kept as a user writes them
	"fmt"
	"time"

	"humpty/bench/internal/figure"
	"humpty/projector"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/fold/script"
	"humpty/sinks"
	"humpty/sinks/null"
	"humpty/sources"
	"humpty/sources/kafka"
)

// Events says which events are folded, and how.
type Events struct {
	Broker, Topic string
	Fold          string // handlers | javascript
	Memory        int64  // bytes of events held in memory; 0: the engine's choice
}

// The folds that can be measured.
const (
	FoldHandlers   = "handlers"
	FoldJavaScript = "javascript"
)

//go:embed orders.handlers.json
var ordersHandlers []byte

//go:embed orders.js
var ordersModule string

func (e Events) source() (*fold.Source, error) {
	inner, err := kafka.New(kafka.Config{Brokers: []string{e.Broker}, Topics: []kafka.Topic{{Name: e.Topic}}})
	if err != nil {
		return nil, err
	}
	s := &fold.Source{Inner: inner, Decoder: &decode.JSON{Type: decode.Locator{Path: []string{"type"}}}, Memory: e.Memory}
	switch e.Fold {
	case FoldHandlers:
		h, err := handlers.Read(ordersHandlers)
		if err != nil {
			return nil, err
		}
		s.New, err = h.New()
		return s, err
	case FoldJavaScript:
		s.New, err = script.New("orders.js", ordersModule, script.Limits{})
		return s, err
	}
	return nil, fmt.Errorf("unknown fold %q: %s or %s", e.Fold, FoldHandlers, FoldJavaScript)
}

// replay folds a topic into the null sink and measures it.
func replay(ctx context.Context, s Spec) (Outcome, error) {
	source, err := s.Events.source()
	if err != nil {
		return Outcome{}, err
	}
	w := &watch{}
	r := projector.Rebuild{
		Projection: projector.Projection{
			Name: "orders", Alias: s.Alias, Index: []byte(`{}`), Hash: "bench", Versions: "class",
			Verify: projector.VerifyPolicy{Level: projector.LevelCount}, Limits: projector.Limits{Writers: s.Writers, Batch: s.Batch, InFlight: s.InFlight},
		},
		Source: watchedEvents{source, w}, Target: nullTarget{null.New(s.Alias)}, Observe: w.observe, NoSwap: true,
		Owner: sinks.Owner{Run: "bench-" + time.Now().UTC().Format("20060102t150405.000"), Verb: "rebuild"},
	}
	aside := ownCPU()
	broker := Server("tcp://" + s.Events.Broker)
	server := CPU(broker)
	scripts := startedCPU()
	aside = ownCPU() - aside // all files that are open on the machine are looked at: not the fold's time
	before := read()
	record, err := r.Run(ctx)
	after := read()
	if err != nil {
		return Outcome{}, fmt.Errorf("fold %s: %w", s.Events.Topic, err)
	}
	o := Outcome{Record: record, Seconds: w.seconds(), Figures: w.figures()}
	after.add(o.Figures, before, record.Ledger.Written)
	o.Figures[figure.OwnCPU] += startedCPU() - scripts - aside
	o.Figures[figure.KafkaCPU] = CPU(broker) - server
	o.Figures[figure.Whole] = record.Seconds
	return o, nil
}

// watchedEvents says when it is opened.
type watchedEvents struct {
	*fold.Source
	watch *watch
}

// Open implements sources.Source.
func (s watchedEvents) Open(ctx context.Context) (sources.View, error) {
	s.watch.open()
	return s.Source.Open(ctx)
}
