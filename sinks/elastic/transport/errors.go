package transport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind sorts errors by what has to happen next.
type Kind uint8

// The kinds.
const (
	Failed      Kind = iota // the run can be resumed
	Unreachable             // no server answered: resume when it is back
	Guard                   // refused, so that nothing is harmed: somebody has to decide
	Rights                  // the account lacks a right: grant it, then go on
	Definition              // the index's definition or the cluster's setup must change
	BadConfig               // the configuration is wrong
)

// Error is every error of a target, an index or a client that is not the context's, a
// name conflict or a lease that is held.
type Error struct {
	Kind   Kind
	What   string // what failed, naming index and address
	Remedy string // what to do; may be empty
	Err    error  // the cause; may be nil
}

func (e *Error) Error() string {
	text := e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		text += "\n    " + strings.ReplaceAll(e.Remedy, "\n", "\n    ")
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Guardf is a refusal, with what to do about it.
func Guardf(remedy, what string, args ...any) *Error {
	return &Error{Kind: Guard, What: fmt.Sprintf(what, args...), Remedy: remedy}
}

// Failedf is the error of what can be tried again.
func Failedf(what string, args ...any) *Error {
	return &Error{Kind: Failed, What: fmt.Sprintf(what, args...)}
}

// contextMissing is what a server answers that was restarted since a scan began.
const contextMissing = "search_context_missing_exception"

// IsUnavailable reports whether err means that the servers did not answer, or forgot what they
// were asked before.
func IsUnavailable(err error) bool {
	switch e := err.(type) { //nolint:errorlint // unwrapped step by step, to see every branch
	case nil:
		return false
	case *Error:
		if e.Kind == Unreachable {
			return true
		}
	case *ResponseError:
		return e.Retryable() || e.Type == contextMissing
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), IsUnavailable)
	}
	return IsUnavailable(errors.Unwrap(err))
}
