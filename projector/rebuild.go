package projector

import (
	"context"

	"humpty/sinks"
	"humpty/sources"
)

// Rebuild is one run to be: fill in, then Plan or Run.
type Rebuild struct {
	Projection Projection
	Source     sources.Source
	Target     sinks.Target
	Owner      sinks.Owner // who runs; Owner.Run is the run's id

	AllowEmpty bool        // let an empty generation replace one with documents
	NoSwap     bool        // stop after verification
	Observe    func(Event) // may be nil
}

// Run does the whole of it and says what happened; the record is right even with an error.
func (r *Rebuild) Run(ctx context.Context) (Record, error) {
	panic("being built")
}
