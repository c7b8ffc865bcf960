package sinks

import (
	"context"
	"encoding/json"

	"humpty/internal/field"
	"humpty/internal/problem"
)

// Draft is a generation as it would be made.
type Draft struct {
	Name       string
	Definition json.RawMessage
	Fields     []field.Field // of the documents; nil: they are not known
	Routed     bool          // the documents have a routing of their own
	Alias      AliasAction   // how the swap would set the alias
}

// DraftChecker is a capability of a Target: it says what speaks against a generation before it
// is made.
type DraftChecker interface {
	// CheckDraft holds the definition against the target, the documents and the alias. It changes
	// nothing. The problems are what the user is to change, and what is worth a warning.
	CheckDraft(ctx context.Context, d Draft) (problem.List, error)
}
