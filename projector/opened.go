package projector

import (
	"context"
	"maps"

	"humpty/projector/generation"
	"humpty/sources"
)

// opened is a source whose views come from a capture, which holds what they are made of.
type opened struct {
	sources.Source
	opener sources.ViewOpener
}

// captured is a source as those see it who read beside its capture.
func captured(source sources.Source, feed sources.ChangeStream) sources.Source {
	if opener, ok := feed.(sources.ViewOpener); ok {
		return opened{source, opener}
	}
	return source
}

// Open opens a view of the capture.
func (o opened) Open(ctx context.Context) (sources.View, error) { return o.opener.Open(ctx) }

// Watch passes on who watches.
func (o opened) Watch(fn func(done, total, bytes int64)) {
	if replayer, ok := o.Source.(sources.Replayer); ok {
		replayer.Watch(fn)
	}
}

// reads is the source that the run reads.
func (n *run) reads() sources.Source {
	if n.capture == nil {
		return n.Source
	}
	return captured(n.Source, n.capture.feed)
}

// reached notes where in the logs the last fence was: what is before it is in the index.
func (n *run) reached() {
	if placed, ok := n.capture.feed.(sources.FenceLocator); ok {
		at := generation.FormatPositions(placed.FenceOffsets())
		if v := n.candidate.Meta.Verified; v != nil && !maps.Equal(n.candidate.Meta.Positions, at) { // events came since it was added up
			moved := *v
			moved.Sum, n.candidate.Meta.Verified = "", &moved
		}
		n.candidate.Meta.Positions = at
		n.record.Positions = n.candidate.Meta.Positions
	}
}
