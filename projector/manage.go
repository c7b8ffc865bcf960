package projector

import (
	"context"
	"time"

	"humpty/sinks"
)

// Plan is what a rebuild would do: data, no side effects.
type Plan struct {
	Projection string       `json:"projection"`
	Alias      string       `json:"alias"`
	Generation string       `json:"generation"` // name pattern of the generation to be
	Situation  string       `json:"situation"`  // first start, alias lost, blue/green, trap: in words
	Survey     sinks.Survey `json:"survey"`
	Partitions int          `json:"partitions"`
	Readers    int          `json:"readers"`
	Documents  int64        `json:"documents"` // estimate
	Bytes      int64        `json:"bytes"`     // estimate, of document bodies
	Steps      []Step       `json:"steps"`
	Notes      []string     `json:"notes,omitempty"`
	Warnings   []string     `json:"warnings,omitempty"`
}

// Step is one line of a plan: mark + (made), ~ (changed), - (removed), = (not touched).
type Step struct {
	Mark string `json:"mark"`
	Text string `json:"text"`
}

// Plan computes what Run would do.
func (r *Rebuild) Plan(ctx context.Context) (Plan, error) { panic("being built") }

// Manage changes what an alias serves, outside a rebuild. Every method takes the lease.
type Manage struct {
	Projection Projection
	Target     sinks.Target
	Owner      sinks.Owner
}

// Swap makes the alias serve generation `to`, or the newest verified one if to is "".
// replace names the concrete index on the alias's name that may be deleted by it;
// unverified allows a generation whose verification is missing.
func (m *Manage) Swap(ctx context.Context, to, replace string, unverified bool) (sinks.AliasChange, error) {
	panic("being built")
}

// Rollback makes the alias serve the generation that was live before, or `to`.
func (m *Manage) Rollback(ctx context.Context, to string) (sinks.AliasChange, error) {
	panic("being built")
}

// Prunable lists what Prune would drop: retired and failed generations beyond keep,
// and never one that an alias serves or that belongs to a running run.
func (m *Manage) Prunable(ctx context.Context) ([]sinks.Generation, error) { panic("being built") }

// Prune drops the named generations after checking each again.
func (m *Manage) Prune(ctx context.Context, names []string) ([]string, error) {
	panic("being built")
}

// LeaseState is the lease as status shows it.
type LeaseState struct {
	Lease sinks.Lease   `json:"lease"`
	Held  bool          `json:"held"` // not released and not expired
	Left  time.Duration `json:"-"`
}

// Status reads the alias, its generations and the lease; nil lease where the target has none.
func (m *Manage) Status(ctx context.Context) (sinks.Survey, *LeaseState, error) {
	panic("being built")
}
