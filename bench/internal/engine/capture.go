package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"humpty/bench/internal/raw"
	"humpty/projector"
	"humpty/sinks"
	"humpty/sinks/null"
	"humpty/sources"
	"humpty/sources/postgres"
)

// Capture rebuilds into memory and returns the documents as the bulk bodies that a
// firehose sends, and the definition they were made by.
func Capture(ctx context.Context, s Spec) (*raw.Corpus, sources.Shape, error) {
	m, err := s.model()
	if err != nil {
		return nil, sources.Shape{}, err
	}
	source, err := postgres.New(m.source)
	if err != nil {
		return nil, sources.Shape{}, err
	}
	m.projection.Verify.Level = projector.LevelCount
	corpus := &raw.Corpus{}
	r := projector.Rebuild{
		Projection: m.projection, Source: source, NoSwap: true,
		Target: captureTarget{null.New(s.Alias), corpus},
		Owner:  sinks.Owner{Run: "bench-capture", Verb: "rebuild"},
	}
	if _, err := r.Run(ctx); err != nil {
		return nil, sources.Shape{}, fmt.Errorf("capture the documents: %w", err)
	}
	return corpus, m.source.Shape, nil
}

// captureTarget is the null sink with indices that put documents into a corpus.
type captureTarget struct {
	*null.Target
	corpus *raw.Corpus
}

// Create makes an index that keeps documents as bulk bodies.
func (t captureTarget) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	index, err := t.Target.Create(ctx, g)
	return &captureIndex{Index: index, corpus: t.corpus}, err
}

type captureIndex struct {
	sinks.Index
	corpus  *raw.Corpus
	written atomic.Int64
}

func (x *captureIndex) Write(_ context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	if err := x.corpus.Add(docs); err != nil {
		return sinks.Receipt{}, err
	}
	for i := range verdicts {
		verdicts[i] = sinks.Verdict{Outcome: sinks.Written}
	}
	x.written.Add(int64(len(docs)))
	return sinks.Receipt{Requests: 1}, nil
}

func (x *captureIndex) Count(context.Context) (int64, error) { return x.written.Load(), nil }
