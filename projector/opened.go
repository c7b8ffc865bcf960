package projector

import (
	"maps"

	"humpty/projector/catchup"
	"humpty/projector/generation"
	"humpty/sources"
)

// reads is the source that the run reads.
func (n *run) reads() sources.Source {
	if n.capture == nil {
		return n.Source
	}
	return catchup.SourceOf(n.Source, n.capture.Stream())
}

// reached notes where in the logs the last fence was: what is before it is in the index.
func (n *run) reached() {
	if placed, ok := n.capture.Stream().(sources.FenceLocator); ok {
		at := generation.FormatPositions(placed.FenceOffsets())
		if v := n.candidate.Meta.Verified; v != nil && !maps.Equal(n.candidate.Meta.Positions, at) { // events came since it was added up
			moved := *v
			moved.Sum, n.candidate.Meta.Verified = "", &moved
		}
		n.candidate.Meta.Positions = at
		n.record.Positions = n.candidate.Meta.Positions
	}
}
