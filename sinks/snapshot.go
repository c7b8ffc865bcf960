package sinks

import (
	"context"
	"time"
)

// Snapshots is what a Target can do beside: keep a generation outside the cluster and
// bring it back.
type Snapshots interface {
	// Save puts a generation into a repository that exists, with its meta, and waits
	// until it is there whole. report, if not nil, is told how many bytes are.
	Save(ctx context.Context, repository, name, generation string, report func(done, total int64)) (Snapshot, error)

	// Saved reads what a snapshot holds of this alias, the newest one if name is empty;
	// it changes nothing.
	Saved(ctx context.Context, repository, name string) (Snapshot, error)

	// Restore brings a generation back under another name, behind no alias, and waits
	// until it can be read. It fails if the name exists.
	Restore(ctx context.Context, s Snapshot, as string, report func(done, total int64)) (Index, error)
}

// Snapshot is one generation in a repository.
type Snapshot struct {
	Repository string        `json:"repository"`
	Name       string        `json:"name"`
	Generation string        `json:"generation"`
	Meta       Meta          `json:"meta"` // as it was when taken; zero if humpty did not take it
	Taken      time.Time     `json:"taken"`
	Took       time.Duration `json:"-"`
	Bytes      int64         `json:"bytes"` // of the whole snapshot
}
