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
	n.candidate.Name = n.record.Generation
	if n.candidate.Index != nil {
		return nil
	}
	def := n.Projection
	n.candidate.Meta = sinks.Meta{
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
		Meta:       n.candidate.Meta,
	})
	if err != nil {
		return fmt.Errorf("create index %s: %w", n.record.Generation, err)
	}
	crashpoint.At("index made")
	n.candidate.Index = index
	if n.journal == nil {
		return nil
	}
	err = n.journal.RecordCreated()
	crashpoint.At("index recorded")
	return err
}

// base is the version of every chunk write; see the documentation of package sinks.
func (n *run) base() int64 { return n.candidate.Meta.Epoch << 40 }
