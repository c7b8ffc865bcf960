package projector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/sinks"
	"humpty/sources"
)

// Recovery compares the ways back to a right index.
type Recovery struct {
	Projection  string `json:"projection"`
	Alias       string `json:"alias"`
	Ways        []Way  `json:"ways"` // the quickest that is possible first
	Recommended string `json:"recommended"`
}

// Way is one of them.
type Way struct {
	Name    string  `json:"name"` // restore | repair | rebuild
	Seconds float64 `json:"seconds"`
	Basis   string  `json:"basis"`             // what the estimate rests on
	Command string  `json:"command,omitempty"` // what to type
	Not     string  `json:"not,omitempty"`     // why it is not possible
}

// What is assumed where nothing is on record.
const (
	assumedRate    = 20_000 // documents a second of a rebuild
	verifyShare    = 0.4    // of a rebuild's time
	replayShare    = 0.8    // the same, where topics are folded first
	assumedRestore = 50e6   // bytes a second
)

// Recover estimates the ways back; snapshot is what could be restored, nil for none. It
// changes nothing.
func (r *Rebuild) Recover(ctx context.Context, snapshot *sinks.Snapshot) (Recovery, error) {
	plan, err := r.Plan(ctx)
	if err != nil {
		return Recovery{}, err
	}
	name := r.Projection.Name
	rebuild, basis := rebuildTime(plan)
	share, reading := verifyShare, "one reading of both sides"
	if _, replays := r.Source.(sources.Replayer); replays {
		share, reading = replayShare, "one reading of both sides, topics from their start: a fold cannot go on from documents"
		basis += "; topics are read from their start"
	}
	verify := share * rebuild
	ways := []Way{
		{Name: "rebuild", Seconds: rebuild, Basis: basis, Command: "humpty rebuild " + name},
		{
			Name: "repair", Seconds: verify, Command: "humpty repair " + name,
			Basis: fmt.Sprintf("%s, at most %.0f%% of a rebuild, and what differs", reading, 100*share),
		},
		{Name: "restore", Basis: "the snapshot's bytes, then as repair"},
	}
	if _, ok := plan.Survey.Find(plan.Survey.Live()); !ok {
		ways[1].Not = "the alias does not serve one generation of humpty's"
	}
	restore := &ways[2]
	switch {
	case snapshot == nil:
		restore.Not = "no snapshot was named: --snapshot REPO or REPO/NAME"
	case snapshot.Meta.Definition != "" && snapshot.Meta.Definition != r.Projection.Hash:
		restore.Not = "the snapshot is of another definition of the projection"
	default:
		speed, from := assumedRestore, fmt.Sprintf("assumed %.0f MB/s", assumedRestore/1e6)
		if snapshot.Took > time.Second && snapshot.Bytes > 0 {
			speed = float64(snapshot.Bytes) / snapshot.Took.Seconds()
			from = fmt.Sprintf("%.0f MB/s, as fast as it was taken", speed/1e6)
		}
		restore.Seconds = float64(snapshot.Bytes)/speed + verify
		restore.Basis = fmt.Sprintf("%.0f MB of %s/%s (%s), then as repair: %s", float64(snapshot.Bytes)/1e6, snapshot.Repository, snapshot.Name, from, reading)
		restore.Command = fmt.Sprintf("humpty restore %s --snapshot %s/%s", name, snapshot.Repository, snapshot.Name)
	}
	slices.SortStableFunc(ways, func(a, b Way) int {
		if (a.Not == "") != (b.Not == "") {
			return cmp.Compare(a.Not, b.Not)
		}
		return cmp.Compare(a.Seconds, b.Seconds)
	})
	return Recovery{Projection: name, Alias: r.Projection.Alias, Ways: ways, Recommended: ways[0].Name}, nil
}

// rebuildTime is how long a rebuild takes, by the newest that is on record in a generation.
func rebuildTime(plan Plan) (seconds float64, basis string) {
	rows := float64(plan.Source.Rows)
	for _, g := range slices.Backward(plan.Survey.Generations) {
		v := g.Meta.Verified
		if v == nil || v.Repaired > 0 || v.Documents == 0 {
			continue
		}
		if took := v.At.Sub(g.Meta.Started); took > 0 {
			rate := float64(v.Documents) / took.Seconds()
			if len(g.Meta.Positions) > 0 { // what is planned are events: the documents are about as many as then
				rows = float64(v.Documents)
			}
			return rows / rate, fmt.Sprintf("about %.0f documents; %.0f documents/s, as in %s", rows, rate, g.Name)
		}
	}
	return rows / assumedRate, fmt.Sprintf("about %.0f documents; assumed %d documents/s: no rebuild is on record", rows, assumedRate)
}
