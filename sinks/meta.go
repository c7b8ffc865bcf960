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

// Meta is what an index knows about itself, kept under _meta.humpty.
type Meta struct {
	Schema     int                        `json:"schema"` // 1
	Alias      string                     `json:"alias"`
	Projection string                     `json:"projection"`
	Run        string                     `json:"run"`
	State      State                      `json:"state"`
	Reason     string                     `json:"reason,omitempty"` // why it failed
	Epoch      int64                      `json:"epoch"`
	Versions   string                     `json:"versions"`   // class | column | none
	Definition string                     `json:"definition"` // hash of the projection's definition
	Started    time.Time                  `json:"started"`    // of the run
	Updated    time.Time                  `json:"updated"`    // of this note
	Documents  int64                      `json:"documents"`  // written, when sealed
	Verified   *Verification              `json:"verified,omitempty"`
	Positions  map[string]string          `json:"positions,omitempty"` // partition → position
	Restore    map[string]json.RawMessage `json:"restore,omitempty"`   // settings journal: what Seal must put back
	Previous   string                     `json:"previous,omitempty"`  // the generation that was live before it
}

// Verification is how a generation was compared with its sources.
type Verification struct {
	Level     string    `json:"level"` // count | sample | full
	At        time.Time `json:"at"`
	Documents int64     `json:"documents"` // in the sources
	Missing   int64     `json:"missing"`
	Stale     int64     `json:"stale"`
	Extra     int64     `json:"extra"`
}
