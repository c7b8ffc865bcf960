package verify

import (
	"fmt"
	"strings"

	"humpty/internal/canonjson"
	"humpty/internal/printable"
	"humpty/sinks"
)

// Kind says how a document differs.
type Kind string

// The kinds of differences.
const (
	Missing  Kind = "missing"  // in the source only
	Stale    Kind = "stale"    // on both sides, but not the same
	Extra    Kind = "extra"    // in the index only
	Rejected Kind = "rejected" // known not to be in the index: the source or the target refused it
)

// Difference is one document that is not in the index as the source has it.
type Difference struct {
	ID      string `json:"id"`
	Routing string `json:"routing,omitempty"` // where it is not the id
	Kind    Kind   `json:"kind"`

	// Reading is what decided that it differs, where Each is told and both sides were
	// read by key; the receiver may keep it.
	Reading *Reading `json:"-"`
}

// Detail is a difference with its fields.
type Detail struct {
	Difference
	Fields []canonjson.Change `json:"fields,omitempty"` // of a stale document: the first ones
}

// String is the difference for a person, several lines for several fields.
func (d Detail) String() string {
	lines := []string{fmt.Sprintf("document %s: %s", printable.Value(d.ID), d.Kind)}
	for _, f := range d.Fields {
		lines = append(lines, "    "+printable.Value(f.String()))
	}
	return strings.Join(lines, "\n")
}

// Report is the outcome of a Check.
type Report struct {
	sinks.Verification

	KeyBatch int `json:"-"` // how many of these documents are well read in one call

	First     []Detail `json:"first,omitempty"`      // at most Check.Show
	MovingIDs []string `json:"moving_ids,omitempty"` // the first that changed at each reading
}
