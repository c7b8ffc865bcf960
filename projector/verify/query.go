package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"humpty/internal/printable"
	"humpty/sinks"
)

// Query is one that the user knows the answer of.
type Query struct {
	Name        string
	Place       string          // where it is written
	Body        json.RawMessage // as the target takes it
	MinHits     int64
	MaxHits     int64    // -1: any number
	MustInclude []string // ids that must match, wherever they rank
	MaxLatency  time.Duration
}

// QueryResult is how a query was answered by a generation, and by the live one.
type QueryResult struct {
	Query        string   `json:"query"`
	Hits         int64    `json:"hits"`
	Milliseconds float64  `json:"milliseconds"`
	LiveHits     *int64   `json:"live_hits,omitempty"` // nil: there is no live generation to compare with
	LiveMillis   *float64 `json:"live_milliseconds,omitempty"`
	Wrong        []string `json:"wrong,omitempty"` // what is not as it must be
}

// String is the answer on one line.
func (a QueryResult) String() string {
	text := fmt.Sprintf("query %s: %d hits in %.1f ms", a.Query, a.Hits, a.Milliseconds)
	if a.LiveHits != nil {
		text += fmt.Sprintf(" (live: %d in %.1f ms)", *a.LiveHits, *a.LiveMillis)
	}
	for _, w := range a.Wrong {
		text += "; " + w
	}
	return text
}

// latencyRuns is how often a query is run for its latency, after one run that warms up.
const latencyRuns = 5

// RunQueries runs the queries against an index, and against the live one if that is not nil.
func RunQueries(ctx context.Context, queries []Query, index, live sinks.Searcher) ([]QueryResult, error) {
	var answers []QueryResult
	for _, q := range queries {
		hits, took, err := q.measure(ctx, index)
		if err != nil {
			return answers, fmt.Errorf("%s: query %s: %w", q.Place, q.Name, err)
		}
		a := QueryResult{Query: q.Name, Hits: hits.Total, Milliseconds: millis(took), Wrong: q.check(hits, took)}
		if live != nil {
			// the live index may be of another mapping and refuse the query: no comparison then
			if hits, took, err := q.measure(ctx, live); err == nil {
				ms := millis(took)
				a.LiveHits, a.LiveMillis = &hits.Total, &ms
			} else if ctx.Err() != nil {
				return answers, ctx.Err()
			}
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measure returns the hits and the median latency.
func (q Query) measure(ctx context.Context, index sinks.Searcher) (sinks.Hits, time.Duration, error) {
	hits, err := index.Search(ctx, q.Body, q.MustInclude)
	if err != nil {
		return hits, 0, err
	}
	var latencies []time.Duration
	for range latencyRuns {
		repeat, err := index.Search(ctx, q.Body, nil)
		if err != nil {
			return hits, 0, err
		}
		latencies = append(latencies, repeat.Took)
	}
	slices.Sort(latencies)
	return hits, latencies[latencyRuns/2], nil
}

func (q Query) check(hits sinks.Hits, took time.Duration) []string {
	var wrong []string
	if hits.Total < q.MinHits {
		wrong = append(wrong, fmt.Sprintf("at least %d hits are wanted", q.MinHits))
	}
	if q.MaxHits >= 0 && hits.Total > q.MaxHits {
		wrong = append(wrong, fmt.Sprintf("at most %d hits are wanted", q.MaxHits))
	}
	for _, id := range q.MustInclude {
		if !slices.Contains(hits.Matched, id) {
			wrong = append(wrong, fmt.Sprintf("document %s must be among the hits", printable.Value(id)))
		}
	}
	if q.MaxLatency > 0 && took > q.MaxLatency {
		wrong = append(wrong, fmt.Sprintf("at most %s are wanted", q.MaxLatency))
	}
	return wrong
}
