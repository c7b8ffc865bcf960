package elastic

import (
	"errors"
	"fmt"
	"net/http"
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

// Error is every error of this package that is not the context's, a [sinks.NameConflict] or a
// [sinks.Held].
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

func guard(remedy, what string, args ...any) *Error {
	return &Error{Kind: Guard, What: fmt.Sprintf(what, args...), Remedy: remedy}
}

// refused is an answer other than 2xx.
type refused struct {
	Status int
	Type   string // as the server names it; empty if the answer was not the server's
	Reason string
}

func (r *refused) Error() string {
	if r.Type == "" {
		return fmt.Sprintf("HTTP %d %s: %s", r.Status, http.StatusText(r.Status), r.Reason)
	}
	return fmt.Sprintf("%s: %s (HTTP %d)", r.Type, r.Reason, r.Status)
}

// passing tells whether the same request may succeed later.
func (r *refused) passing() bool {
	switch r.Status {
	case http.StatusTooManyRequests:
		return r.Type != blockType
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return true
	}
	return false
}

// explain makes the error of a call that failed for good out of its answer.
func (c *client) explain(what string, err error) error {
	var r *refused
	if !errors.As(err, &r) {
		return err
	}
	e := &Error{Kind: Failed, What: what, Err: r}
	switch r.Status {
	case http.StatusUnauthorized:
		e.Kind = Rights
		e.What += ": " + c.addresses + " does not accept the credentials"
		e.Remedy = "check username and password, api_key or bearer of the target (is the key expired or revoked?)"
	case http.StatusForbidden:
		if r.Type != blockType {
			e.Kind, e.Remedy = Rights, fmt.Sprintf(rights, c.cfg.Alias)
		}
	case http.StatusBadRequest:
		e.Kind = Definition
	}
	return e
}
