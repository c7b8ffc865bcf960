package main

import (
	"encoding/json"

	"humpty/cmd/humpty/internal/dlq"
	"humpty/cmd/humpty/internal/runs"
	"humpty/cmd/humpty/internal/trial"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/lease"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// result is the last line of --json: one for each command, also when it failed.
type result struct {
	Schema   int      `json:"schema"` // 1
	Type     string   `json:"type"`   // result
	Verb     string   `json:"verb"`
	Status   string   `json:"status"` // completed | failed | refused | interrupted
	ExitCode int      `json:"exit_code"`
	Error    *failure `json:"error,omitempty"`
	verbResult

	projection string // that the command is about, as far as it is known
}

// verbResult is what a verb found; the keys of one verb are there.
type verbResult struct {
	rebuildResult
	planResult
	checkResult
	projectResult
	Finding     *repair.Result     `json:"finding,omitempty"`     // verify, repair, restore
	Snapshot    *sinks.Snapshot    `json:"snapshot,omitempty"`    // snapshot
	Projections []projectionStatus `json:"projections,omitempty"` // status
	Change      *sinks.AliasChange `json:"change,omitempty"`      // swap, rollback
	Prune       *pruneResult       `json:"prune,omitempty"`       // prune
	Unlock      *unlockResult      `json:"unlock,omitempty"`      // unlock
	Version     *versionInfo       `json:"version,omitempty"`     // version
	Config      json.RawMessage    `json:"config_schema,omitempty"`
	Demo        any                `json:"demo,omitempty"`    // demo
	Letters     *[]dlq.Count       `json:"letters,omitempty"` // dlq list
}

// failure says what went wrong and what to do.
type failure struct {
	Message  string       `json:"message"`
	Problems problem.List `json:"problems,omitempty"`
	Next     []string     `json:"next"` // what to type next
}

// rebuildResult is what rebuild and resume say in the result.
type rebuildResult struct {
	Record   *projector.Record `json:"record,omitempty"`
	Outcomes []outcome         `json:"outcomes,omitempty"` // with --all
}

// outcome is how the rebuild of one of all projections ended.
type outcome struct {
	Projection string            `json:"projection"`
	Status     report.Status     `json:"status"`
	ExitCode   int               `json:"exit_code"` // that it would have had alone
	Error      *failure          `json:"error,omitempty"`
	Record     *projector.Record `json:"record,omitempty"` // none if it did not begin
}

// planResult is what plan says in the result.
type planResult struct {
	Plan     *projector.Plan  `json:"plan,omitempty"`
	Recovery *repair.Recovery `json:"recovery,omitempty"` // with --recover
}

// checkResult is what check says in the result.
type checkResult struct {
	Checks    []projectionCheck `json:"checks,omitempty"`
	Effective []config.Setting  `json:"effective,omitempty"` // with --show-effective
}

// projectionCheck is what `check` found for one projection.
type projectionCheck struct {
	Projection string       `json:"projection"`
	Source     string       `json:"source"`
	Target     string       `json:"target"`
	Rows       int64        `json:"rows"`   // estimate
	Chunks     int          `json:"chunks"` // to read
	Product    string       `json:"product,omitempty"`
	Version    string       `json:"version,omitempty"`
	Cluster    string       `json:"cluster,omitempty"`
	Notes      []string     `json:"notes,omitempty"` // what a topic has, and for how long
	Problems   []string     `json:"problems,omitempty"`
	Warnings   problem.List `json:"warnings,omitempty"`

	document sources.Plan // what the source says of the documents; empty where it could not be asked
}

// projectResult is what project says in the result.
type projectResult struct {
	Documents  []trial.Document   `json:"documents,omitempty"`
	Unexpected []trial.Unexpected `json:"unexpected,omitempty"` // with --expect
}

// projectionStatus is what `status` found for one projection.
type projectionStatus struct {
	Projection string         `json:"projection"`
	Survey     sinks.Survey   `json:"survey"`
	Partial    string         `json:"partial,omitempty"` // the generation that searches see though it is not complete
	Lease      *lease.State   `json:"lease,omitempty"`
	Captures   []runs.Capture `json:"captures,omitempty"` // on the source
	Stopped    []runs.Stopped `json:"stopped,omitempty"`  // can be resumed here
	Incomplete []string       `json:"halves,omitempty"`   // generations that were left half done, and cannot be resumed here
	Followed   bool           `json:"followed,omitempty"` // a process here keeps it up to date

	Fed    *runs.Fed `json:"fed,omitempty"`    // what served before, and is kept up to date
	Stored bool      `json:"stored,omitempty"` // what serves was made by a definition that is not the file's

	Refused *checkpoint.Refused `json:"refused,omitempty"` // by the generation that serves, as the state folder here knows

	ForeignPaths []assemble.ForeignPath `json:"foreign_paths,omitempty"` // in the state folder, and not ours
}

// refused is how many documents of a generation are refused, as far as is known.
func (s projectionStatus) refused(g sinks.Generation) int64 {
	if r := s.Refused; r != nil && r.Generation == g.Name {
		return int64(len(r.Documents))
	}
	if v := g.Meta.Verified; v != nil {
		return v.Rejected
	}
	return 0
}

// pruneResult is what `prune` did, or would do.
type pruneResult struct {
	DryRun  bool     `json:"dry_run,omitempty"`
	Chosen  []string `json:"chosen"`  // what is beyond what is kept
	Dropped []string `json:"dropped"` // what is gone

	Captures []runs.Capture `json:"captures,omitempty"` // slots and publications that nobody needs: gone, or to be
}
