package projector

import (
	"time"

	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/projector/outage"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// Record is what is known of a run: what `--json` prints and the ledger keeps.
type Record struct {
	Run         string                    `json:"run"`
	Projection  string                    `json:"projection"`
	Alias       string                    `json:"alias"`
	Generation  string                    `json:"generation,omitempty"`
	Previous    string                    `json:"previous,omitempty"` // what the alias served before
	Status      report.Status             `json:"status"`
	Reason      string                    `json:"reason,omitempty"`
	Resumable   bool                      `json:"resumable,omitempty"` // humpty resume goes on with it
	Partial     bool                      `json:"partial,omitempty"`   // the alias serves a part of the generation, for searches
	Resumed     bool                      `json:"resumed,omitempty"`   // begun by another process
	Started     time.Time                 `json:"started"`
	Seconds     float64                   `json:"seconds"`            // of this process
	Phases      []report.PhaseTime        `json:"phases"`             // of this process
	Attempts    []checkpoint.Attempt      `json:"attempts,omitempty"` // of all processes, where it took several; the last is this one
	Redone      int64                     `json:"redone,omitempty"`   // documents that several processes read and wrote
	Ledger      ledger.Ledger             `json:"ledger"`
	Inputs      map[string]sources.Counts `json:"inputs,omitempty"`       // by partition: key ranges of tables, partitions of topics
	Passes      []ledger.Pass             `json:"passes,omitempty"`       // documents, by pass
	Positions   map[string]string         `json:"positions,omitempty"`    // of logs: what is before them is in the index
	Refused     int64                     `json:"refused,omitempty"`      // documents that are refused at the end, however often each was tried
	Rejections  []ledger.Rejection        `json:"rejections,omitempty"`   // the first of these
	DeadLetters string                    `json:"dead_letters,omitempty"` // the file with all of them and their bodies
	Verified    *sinks.Verification       `json:"verified,omitempty"`
	Differing   []verify.Detail           `json:"differing,omitempty"`          // the first ones
	Deviations  []string                  `json:"deviations,omitempty"`         // of mapping and settings from the definition
	Queries     []verify.QueryResult      `json:"queries,omitempty"`            // answers to the user's
	Outages     []outage.Outage           `json:"outages,omitempty"`            // servers that were waited for
	Checkpoints float64                   `json:"checkpoint_seconds,omitempty"` // spent in writing down how far it is
	Undone      int64                     `json:"undone,omitempty"`             // documents that the target had lost when it went away, or the source had taken back, written again
	Limits      string                    `json:"limits,omitempty"`             // what the rounds could not know of
	Rounds      []report.Round            `json:"rounds,omitempty"`             // of catch-up
	Pace        []pace.Decision           `json:"pace,omitempty"`               // how the load found its pace
	Notices     []string                  `json:"notices,omitempty"`            // what the user was told on the way

	Offsets map[string]sources.OffsetCounts `json:"offsets,omitempty"` // of logs: what became of each offset, by partition
}
