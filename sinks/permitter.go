package sinks

import "context"

// Permitter is what a Target can do beside: say before a rebuild what the account may not do.
type Permitter interface {
	// Permitted is an error that names each right which the account lacks for a rebuild; nil
	// if it has all, or if the target cannot tell. It changes nothing.
	Permitted(ctx context.Context) error
}
