package engine

import (
	"context"

	"humpty/sinks"
	"humpty/sinks/null"
)

// nullTarget is the null sink, whose indices say that they hold what they were given:
// otherwise every rebuild into it would end as one that lost everything.
type nullTarget struct{ *null.Target }

// Create makes such an index.
func (t nullTarget) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	index, err := t.Target.Create(ctx, g)
	if given, ok := index.(*null.Index); ok {
		return nullIndex{given}, err
	}
	return index, err
}

type nullIndex struct{ *null.Index }

// Count is how many documents were given.
func (x nullIndex) Count(context.Context) (int64, error) { return x.Documents.Load(), nil }
