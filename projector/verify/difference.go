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

	First []Detail `json:"first,omitempty"` // at most Check.Show
}

// Partial reports whether too many documents were on their way each time they were read.
func (r *Report) Partial() bool { return r.Level == string(partial) }

// Everything reports whether every document was compared, but those that others wrote each
// time they were read.
func (r *Report) Everything() bool {
	return r.Level == string(Full) || r.Partial() && r.Sampled == 0
}

// Shortfall says why less was compared than was asked for; "" if it was not.
func (r *Report) Shortfall() string {
	if r.Asked == "" {
		return r.Why
	}
	return fmt.Sprintf("verified by level %s, not %s: %s", r.Level, r.Asked, r.Why)
}

// lower notes that another level was reached than the one that was asked for. What was noted
// before came of it.
func (r *Report) lower(reached, asked Level, why string) {
	r.Level, r.Asked = string(reached), string(asked)
	if r.Why != "" {
		why += "; " + r.Why
	}
	r.Why = why
}
