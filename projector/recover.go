package projector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/sinks"
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
	rate, basis := rebuildRate(plan.Survey)
	rebuild := float64(plan.Source.Rows) / rate
	verify := verifyShare * rebuild
	ways := []Way{
		{Name: "rebuild", Seconds: rebuild, Basis: fmt.Sprintf("about %d documents; %s", plan.Source.Rows, basis), Command: "humpty rebuild " + name},
		{
			Name: "repair", Seconds: verify, Command: "humpty repair " + name,
			Basis: fmt.Sprintf("one reading of both sides, at most %.0f%% of a rebuild, and what differs", 100*verifyShare),
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
		restore.Basis = fmt.Sprintf("%.0f MB of %s/%s (%s), then as repair", float64(snapshot.Bytes)/1e6, snapshot.Repository, snapshot.Name, from)
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

// rebuildRate is how fast the newest rebuild was that is on record in a generation.
func rebuildRate(s sinks.Survey) (perSecond float64, basis string) {
	for _, g := range slices.Backward(s.Generations) {
		v := g.Meta.Verified
		if v == nil || v.Repaired > 0 || v.Documents == 0 {
			continue
		}
		if took := v.At.Sub(g.Meta.Started); took > 0 {
			rate := float64(v.Documents) / took.Seconds()
			return rate, fmt.Sprintf("%.0f documents/s, as in %s", rate, g.Name)
		}
	}
	return assumedRate, fmt.Sprintf("assumed %d documents/s: no rebuild is on record", assumedRate)
}
