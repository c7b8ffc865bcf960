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
// the owners run.
type Leases interface {
	// Acquire takes the lease for owner, if it is free, expired, or owner's own: that of
	// the same run. A run has one process at a time, so the one before is dead.
	// Otherwise it fails with *Held. The fencing number grows with each acquisition.
	Acquire(ctx context.Context, owner Owner, ttl time.Duration) (Lease, error)

	// Renew prolongs a lease held; *Held if it was taken over since.
	Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error)

	// Release gives the lease back; its fencing number and epoch stay on record.
	Release(ctx context.Context, l Lease) error

	// Holder reads the lease, also a free or expired one; the zero Lease if there
	// never was one.
	Holder(ctx context.Context) (Lease, error)
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

// Lease is the right to change one projection until it expires.
type Lease struct {
	Owner   Owner     `json:"owner"`
	Fence   int64     `json:"fence"`   // grows with each acquisition
	Epoch   int64     `json:"epoch"`   // largest generation epoch handed out under any lease
	Expires time.Time `json:"expires"` // by the holder's clock; zero when released
	Token   string    `json:"-"`       // the target's own, for compare-and-set

	Doing string `json:"doing,omitempty"` // what the holder says that it does, some seconds old; text of the engine's own
}

// Held is the error of Acquire and Renew when somebody else has the lease.
type Held struct{ Lease Lease }

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
