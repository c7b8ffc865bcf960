package projector

import (
	"context"
	"fmt"
	"time"

	"humpty/internal/crashpoint"
	"humpty/sinks"
)

// create makes the generation's index, unless an earlier process of the run did.
func (n *run) create(ctx context.Context) error {
	n.ledger.SetIndex(n.record.Generation)
	if n.index != nil {
		return nil
	}
	def := n.Projection
	n.meta = sinks.Meta{
		Schema:     1,
		Alias:      def.Alias,
		Projection: def.Name,
		Run:        n.Owner.Run,
		State:      sinks.Creating,
		Epoch:      max(n.survey.Epoch()+1, n.fence),
		Versions:   def.Versions,
		Definition: def.Hash,
		Started:    n.began.UTC(),
		Updated:    time.Now().UTC(),
		Previous:   n.record.Previous,
	}
	index, err := n.Target.Create(ctx, sinks.Generation{
		Name:       n.record.Generation,
		Definition: def.Index,
		Meta:       n.meta,
	})
	if err != nil {
		return fmt.Errorf("create index %s: %w", n.record.Generation, err)
	}
	crashpoint.At("index made")
	n.index = index
	if n.journal == nil {
		return nil
	}
	err = n.journal.keep(keptCreated, true)
	crashpoint.At("index recorded")
	return err
}

// base is the version of every chunk write; see the documentation of package sinks.
func (n *run) base() int64 { return n.meta.Epoch << 40 }
