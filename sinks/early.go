package sinks

import "context"

// EarlyServing is what a target can do beside: let searches see a generation that is loading.
type EarlyServing interface {
	// ServeEarly lets the alias, which must serve nothing else, serve the generation for
	// searches: what is written becomes visible within seconds, and writes through the
	// alias are refused until a Swap. It is no error if that is so already.
	ServeEarly(ctx context.Context, generation string) error
}

// SettingsRestorer is what an index can do beside: end a load that nobody goes on with.
type SettingsRestorer interface {
	// RestoreSettings puts the user's settings in the place of the load's. A *ErrWritesLost says
	// that the target has lost what it had confirmed; the settings are in place all the same.
	RestoreSettings(ctx context.Context) error
}
