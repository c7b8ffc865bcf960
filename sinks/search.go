package sinks

import (
	"context"
	"encoding/json"
	"time"
)

// Searcher is what an Index can do beside: answer a query of the user's.
type Searcher interface {
	// Search runs the query with the given body, exactly as the target takes it.
	// ids are documents whose match is asked for, wherever they rank.
	Search(ctx context.Context, body json.RawMessage, ids []string) (Hits, error)
}

// Hits is how a query was answered.
type Hits struct {
	Total   int64         // all matches, counted exactly
	Matched []string      // of the ids asked for: those that match
	Took    time.Duration // by the target's clock
}
