package sources

import "context"

// Standing is what a View can do beside whose end is where somebody else reads on, a
// consumer group for one.
type Standing interface {
	// Stands is a *Gap if that is not where the view ends any more: what lies between would
	// be in nobody's hands.
	Stands(ctx context.Context) error
}

// Limited is what a Feed can do beside that does not tell of everything.
type Limited interface {
	// Limits says what it does not tell of, for people.
	Limits() string
}
