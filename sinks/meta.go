package sinks

import (
	"encoding/json"
	"time"
)

// State of a generation.
type State string

// The states in their order; see the package's documentation.
const (
	Creating   State = "creating"
	Loading    State = "loading"
	CatchingUp State = "catching-up"
	Sealed     State = "sealed"
	Verified   State = "verified"
	Live       State = "live"
	Retired    State = "retired"
	Failed     State = "failed"
)

// MaxEpoch is the largest epoch of a generation: versions of documents begin at epoch << 40, which
// must not overflow.
const MaxEpoch = 1 << 22

// ByRow is the word of a definition, and of the generations it makes, whose documents carry the
// versions of their rows. An application that writes with them, too, and humpty agree: the newer
// one wins.
const ByRow = "column"

// Meta is what an index knows about itself, kept under _meta.humpty.
type Meta struct {
	Schema          int                        `json:"schema"`         // 1
	Name            string                     `json:"name,omitempty"` // of the index; the target's own, as UUID. Empty: of an earlier version
	UUID            string                     `json:"uuid,omitempty"` // of the index, where the target has one
	Alias           string                     `json:"alias"`
	Projection      string                     `json:"projection"`
	Run             string                     `json:"run"`
	State           State                      `json:"state"`
	Reason          string                     `json:"reason,omitempty"` // why it failed
	Epoch           int64                      `json:"epoch"`
	Versions        string                     `json:"versions"`         // class | column, see ByRow
	Definition      string                     `json:"definition"`       // hash of the projection's definition
	Started         time.Time                  `json:"started"`          // of the run
	Updated         time.Time                  `json:"updated"`          // of this note
	Documents       int64                      `json:"documents"`        // written, when sealed
	Served          int64                      `json:"served,omitempty"` // documents that it had when it stopped to serve, or was saved
	Verified        *Verification              `json:"verified,omitempty"`
	Positions       map[string]string          `json:"positions,omitempty"` // partition → position
	Starts          map[string]string          `json:"starts,omitempty"`    // partition → where it was read from
	PendingSettings map[string]json.RawMessage `json:"restore,omitempty"`   // settings journal: what Seal must put back; the target's own, Note keeps it
	Previous        string                     `json:"previous,omitempty"`  // the generation that was live before it
	Serves          time.Time                  `json:"serves,omitzero"`     // since when the alias serves it; it may be retired since
	PhaseSeconds    map[string]float64         `json:"took,omitempty"`      // seconds of each phase until it was verified, for the forecast of the next
	Blocked         []string                   `json:"blocked,omitempty"`   // indices that were blocked for writes before this one served
	Partial         bool                       `json:"partial,omitempty"`   // searches see it through the alias before it is complete, or although it never was
	Spelling        json.RawMessage            `json:"spelling,omitempty"`  // how the target spells the definition; its own, Note keeps it
	SuspectLoss     bool                       `json:"doubted,omitempty"`   // confirmed writes may be undone; see ErrWritesLost
	Refused         *Refused                   `json:"refused,omitempty"`   // what it does not have as its sources do, as is known
}

// Refused is what a generation completed without, within the limits of its run.
type Refused struct {
	Documents int64             `json:"documents"`        // that source or target refused
	Known     []RefusedDocument `json:"known,omitempty"`  // the first of them, in the order of their ids
	Poison    int64             `json:"poison,omitempty"` // events that could not be read or applied
}

// RefusedDocument is one document that was refused.
type RefusedDocument struct {
	ID       string `json:"id"`
	Type     string `json:"type,omitempty"`
	Document string `json:"document,omitempty"` // tells what was refused from any other body; empty: the source could not make it
}

// Motion is how much changed while a generation was compared.
type Motion struct {
	Moved     int64    `json:"moved,omitempty"`      // differed when first read, and no more when read again
	Moving    int64    `json:"moving,omitempty"`     // changed each time they were read: not compared
	MovingIDs []string `json:"moving_ids,omitempty"` // the first of these
}

// Verification is how a generation was compared with its sources.
type Verification struct {
	Motion

	Level     string    `json:"level"`           // what was done: count | sample | partial | full
	Asked     string    `json:"asked,omitempty"` // the level that was asked for, where that is another
	Why       string    `json:"why,omitempty"`   // then: why it was not done
	At        time.Time `json:"at"`
	Documents int64     `json:"documents"`         // in the sources
	Sampled   int64     `json:"sampled,omitempty"` // of a sample: documents compared
	Proves    string    `json:"proves,omitempty"`  // of a sample: what it says about the rest
	Missing   int64     `json:"missing"`
	Stale     int64     `json:"stale"`
	Extra     int64     `json:"extra"`
	Rejected  int64     `json:"rejected,omitempty"` // known to be refused: the index has an older one of each, or none
	Poison    int64     `json:"poison,omitempty"`   // events of the sources that could not be read or applied
	Repaired  int64     `json:"repaired,omitempty"` // differed, and were written from the source
	Sum       string    `json:"sum,omitempty"`      // of all documents, where both sides were the same at the generation's positions; verify.Sum reads it
	Rests     string    `json:"rests,omitempty"`    // where not all was read from the sources: what the rest of it rests on
}

// Differs reports whether any document is not as the sources have it.
func (v Verification) Differs() bool { return v.Missing+v.Stale+v.Extra > 0 }
