package elastic

import "humpty/sinks/elastic/transport"

// Errors, as package transport has them.
type (
	Error = transport.Error
	Kind  = transport.Kind
)

// The kinds of errors.
const (
	Failed      = transport.Failed
	Unreachable = transport.Unreachable
	Guard       = transport.Guard
	Rights      = transport.Rights
	Definition  = transport.Definition
	BadConfig   = transport.BadConfig
)
