package elastic

import "humpty/sinks/elastic/transport"

// Error is every error of this package that is not the context's, a [sinks.NameConflict] or a
// [sinks.Held].
type Error = transport.Error

// Kind sorts errors by what has to happen next.
type Kind = transport.Kind

// The kinds of errors; package transport says what each asks for.
const (
	Failed      = transport.Failed
	Unreachable = transport.Unreachable
	Guard       = transport.Guard
	Rights      = transport.Rights
	Definition  = transport.Definition
	BadConfig   = transport.BadConfig
)
