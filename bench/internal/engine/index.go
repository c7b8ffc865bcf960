package engine

import (
	"context"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic"
)

// LoadIndex makes an empty index just as a rebuild would, with the load's settings
// (refresh off, no replicas, asynchronous translog, …), so that a firehose into it has
// the durability that a rebuild has. It is written to by its name.
func LoadIndex(ctx context.Context, s Spec, name string) error {
	m, err := s.model()
	if err != nil {
		return err
	}
	target, err := elastic.Dial(ctx, elastic.Config{Addresses: []string{s.Search}, Alias: s.Alias})
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	_, err = target.Create(ctx, sinks.Generation{Name: name, Definition: m.projection.Index, Meta: sinks.Meta{
		Schema: 1, Alias: s.Alias, Projection: "bench", Run: "bench", State: sinks.Creating, Epoch: 1,
		Versions: m.projection.Versions, Definition: m.projection.Hash, Started: now, Updated: now,
	}})
	return err
}

// PlainIndex is the definition of the read model's index as somebody would write it who
// thinks of nothing else: the mapping, and the server's defaults for refresh and copies.
func PlainIndex(s Spec) ([]byte, error) {
	m, err := s.model()
	if err != nil {
		return nil, err
	}
	return withDefaults(m.projection.Index)
}
