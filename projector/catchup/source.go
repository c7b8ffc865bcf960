package catchup

import (
	"context"

	"humpty/sources"
)

// captureSource is a source whose views come from a capture, which holds what they are made of.
type captureSource struct {
	sources.Source
	opener sources.ViewOpener
}

// SourceOf is a source as those see it who read beside its capture.
func SourceOf(source sources.Source, feed sources.ChangeStream) sources.Source {
	if opener, ok := feed.(sources.ViewOpener); ok {
		return captureSource{source, opener}
	}
	return source
}

// Open opens a view of the capture.
func (o captureSource) Open(ctx context.Context) (sources.View, error) { return o.opener.Open(ctx) }

// Watch passes on who watches.
func (o captureSource) Watch(fn func(done, total, bytes int64)) {
	if replayer, ok := o.Source.(sources.Replayer); ok {
		replayer.Watch(fn)
	}
}
