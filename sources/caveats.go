package sources

import "context"

// GroupOffsetChecker is what a View can do beside whose end is where somebody else reads on, a
// consumer group for one.
type GroupOffsetChecker interface {
	// CheckGroupOffset is a *ErrChangesLost if that is not where the view ends any more: what lies between would
	// be in nobody's hands.
	CheckGroupOffset(ctx context.Context) error
}

// Caveated is what a ChangeStream can do beside that does not tell of everything.
type Caveated interface {
	// Caveats says what it does not tell of, for people.
	Caveats() string
}
