package elastic

import (
	"errors"
	"slices"

	"humpty/sinks"
)

var _ sinks.Outages = (*Target)(nil)

// forgottenType is what a server answers that was restarted since a scan began.
const forgottenType = "search_context_missing_exception"

// IsUnavailable implements sinks.Outages.
func (*Target) IsUnavailable(err error) bool { return away(err) }

func away(err error) bool {
	switch e := err.(type) { //nolint:errorlint // unwrapped step by step, to see every branch
	case nil:
		return false
	case *Error:
		if e.Kind == Unreachable {
			return true
		}
	case *refused:
		return e.passing() || e.Type == forgottenType
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), away)
	}
	return away(errors.Unwrap(err))
}
