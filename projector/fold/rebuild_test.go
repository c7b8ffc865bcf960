package fold_test

import (
	"errors"
	"fmt"
	"testing"

	"humpty/projector"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
)

// The engine takes folded events as it takes tables: load, verification, gate, swap.
func TestRebuild(t *testing.T) {
	t.Parallel()
	p := partition{id: "orders/0"}
	for i := range 1000 {
		p.event(int64(i), fmt.Sprint("order", i%100), fmt.Sprintf(`{"n":%d}`, i))
	}
	p.event(1000, "order7", "")
	p.event(1001, "order8", "no JSON")
	for poison, allowed := range map[int64]bool{0: false, 1: true} {
		target := &sinktest.MemoryTarget{Name: "orders"}
		rebuild := &projector.Rebuild{
			Projection: projector.Projection{Name: "orders", Alias: "orders", Limits: projector.Limits{Poison: poison}},
			Source:     &fold.Source{Inner: &history{partitions: []partition{p}, page: 100}, Decoder: &decode.JSON{}, New: handlers.NewLatest},
			Target:     target, Owner: sinks.Owner{Run: "run"},
		}
		record, err := rebuild.Run(t.Context())
		survey, surveyErr := target.Survey(t.Context())
		if surveyErr != nil {
			t.Fatal(surveyErr)
		}
		var refused *ledger.TooMuchPoison
		if !allowed {
			if !errors.As(err, &refused) || refused.Poison != 1 || len(survey.Serving) > 0 {
				t.Errorf("%v, serving %v", err, survey.Serving)
			}
			continue
		}
		if err != nil || record.Status != report.Completed || len(survey.Serving) != 1 || survey.Serving[0].Documents != 99 {
			t.Errorf("%v: %+v, serving %v", err, record, survey.Serving)
		}
		l := record.Ledger
		if in := l.Inputs; in.Read != 1002 || in.Used != 99 || in.Folded != 902 || in.Poison != 1 || l.Written != 99 || !l.Balances() {
			t.Errorf("ledger: %+v", l)
		}
	}
}
