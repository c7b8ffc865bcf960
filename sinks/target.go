package sinks

import (
	"context"
	"encoding/json"
	"time"
)

// Target manages one alias and its generations. It is safe for concurrent use.
type Target interface {
	// Survey reads what there is now: cluster, alias, generations, anything that is
	// in the way. It changes nothing.
	Survey(ctx context.Context) (Survey, error)

	// Create makes the generation's index with the user's definition and the load's
	// settings on top, and with its meta. It fails if the name exists. It checks what
	// it can before (rights, forbidden names, a template that would interfere).
	Create(ctx context.Context, g Generation) (Index, error)

	// Open opens a generation that exists; a name that is no generation of this alias
	// is an error.
	Open(ctx context.Context, name string) (Index, error)

	// Swap applies the change in one atomic call, and re-reads the alias: a nil error
	// means that the alias serves change.To and nothing else.
	Swap(ctx context.Context, change AliasChange) error

	// Drop deletes a generation that no alias serves; it refuses anything else.
	Drop(ctx context.Context, name string) error
}

// Leases is what a Target can do beside: keep one owner for each projection, wherever
// the owners run. Who may take a lease that another has is not decided here: see
// humpty/projector/lease.
type Leases interface {
	// Holder reads the lease, also a free one; the zero Lease if there never was one. Its
	// Token is another after each change of it. What is no lease is a *DamagedLease.
	Holder(ctx context.Context) (Lease, error)

	// Take gives the lease to owner if it is still as Holder returned it, or as a
	// *DamagedLease has it; *Held if it changed since. The fencing number grows with each
	// acquisition.
	Take(ctx context.Context, seen Lease, owner Owner, ttl time.Duration) (Lease, error)

	// Renew prolongs a lease held; *Held if it was taken over since.
	Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error)

	// Release gives the lease back; its fencing number and epoch stay on record.
	Release(ctx context.Context, l Lease) error
}

// Blocker is what a Target can do beside: keep others from writing to an index that serves.
type Blocker interface {
	// Block refuses writes to the index from now on; it returns when those under way ended.
	Block(ctx context.Context, index string) error

	// Unblock allows them again. It is no error if they were allowed.
	Unblock(ctx context.Context, index string) error
}

// Owner says who runs.
type Owner struct {
	Run  string `json:"run"`
	Host string `json:"host"`
	PID  int    `json:"pid"`
	User string `json:"user,omitempty"`
	Verb string `json:"verb,omitempty"` // rebuild, swap, prune, …
}

// Lease is the right to change one projection, as long as it is renewed.
type Lease struct {
	Owner   Owner     `json:"owner"`
	Fence   int64     `json:"fence"`          // grows with each acquisition
	Epoch   int64     `json:"epoch"`          // largest generation epoch handed out under any lease
	Since   time.Time `json:"since,omitzero"` // by the holder's clock: when it was taken
	Expires time.Time `json:"expires"`        // by the holder's clock: news, and nobody's decision; zero when released
	Token   string    `json:"-"`              // the target's own, for compare-and-set; another after each change

	Doing string `json:"doing,omitempty"` // what the holder says that it does, some seconds old; text of the engine's own
}

// Free tells whether nobody has the lease: it was given back, or there never was one.
func (l Lease) Free() bool { return l.Expires.IsZero() }

// Held is the error of Take and Renew when another has the lease.
type Held struct{ Lease Lease }

// DamagedLease is the error of Holder for what is no lease: another program wrote it, or a later
// version. Seen is what of it can be taken over.
type DamagedLease struct {
	Where string // it is kept
	Why   string
	Seen  Lease
}

// Generation is one concrete index behind the alias.
type Generation struct {
	Name       string          `json:"name"`
	Definition json.RawMessage `json:"-"` // settings and mappings exactly as the user wrote them; only for Create
	Meta       Meta            `json:"meta"`
	Documents  int64           `json:"documents"` // -1: not known (never refreshed, red)
	Bytes      int64           `json:"bytes"`     // on disk, all copies; -1: not known
	Health     string          `json:"health,omitempty"`
	Created    time.Time       `json:"created"`
}
