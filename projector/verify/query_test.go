package verify_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"humpty/projector/verify"
	"humpty/sinks"
)

// answering is an index that takes its time: as long as each search in turn is to take.
type answering struct {
	took  []time.Duration
	asked int
}

func (a *answering) Search(_ context.Context, _ json.RawMessage, ids []string) (sinks.Hits, error) {
	took := a.took[min(a.asked, len(a.took)-1)]
	a.asked++
	return sinks.Hits{Total: 7, Matched: ids, Took: took}, nil
}

// TestLatencyOfAQuery: the median of five counts, after one that warms up; beyond the bound
// it is wrong, also where the answer is right.
func TestLatencyOfAQuery(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for name, c := range map[string]struct {
		took []time.Duration
		slow bool
	}{
		"in time":          {took: []time.Duration{900 * ms, 10 * ms, 10 * ms, 10 * ms, 900 * ms, 900 * ms}},
		"right at it":      {took: []time.Duration{50 * ms}},
		"the median is it": {took: []time.Duration{1 * ms, 10 * ms, 10 * ms, 51 * ms, 51 * ms, 51 * ms}, slow: true},
	} {
		q := verify.Query{Name: "q", MinHits: 7, MaxHits: 7, MustInclude: []string{"1"}, MaxLatency: 50 * ms}
		answers, err := verify.RunQueries(t.Context(), []verify.Query{q}, &answering{took: c.took}, &answering{took: []time.Duration{3 * ms}})
		if err != nil || len(answers) != 1 {
			t.Fatalf("%s: %v, %v", name, err, answers)
		}
		wrong := strings.Join(answers[0].Wrong, "; ")
		if (wrong == "at most 50ms are wanted") != c.slow || !c.slow && wrong != "" {
			t.Errorf("%s: %s", name, answers[0])
		}
		if live := answers[0]; *live.LiveHits != 7 || *live.LiveMillis != 3 {
			t.Errorf("%s: compared with %s", name, live)
		}
	}
}
