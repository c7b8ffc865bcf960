package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"humpty/internal/printable"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/sinks"
	"humpty/sources"
)

// Recovery compares the ways back to a right index.
type Recovery struct {
	Projection  string   `json:"projection"`
	Alias       string   `json:"alias"`
	Options     []Option `json:"ways"` // the quickest that is possible first
	Recommended string   `json:"recommended"`
}

// Option is one of them.
type Option struct {
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
	readShare      = 0.4    // of a rebuild's time: to read all events of the topics, and fold some
	scanShare      = 0.2    // of a rebuild's time: to read all of the index
)

// Recover estimates the ways back; snapshot is what could be restored, nil for none. It
// changes nothing.
func Recover(ctx context.Context, r *projector.Rebuild, snapshot *sinks.Snapshot) (Recovery, error) {
	plan, err := r.Plan(ctx)
	if err != nil {
		return Recovery{}, err
	}
	name := r.Projection.Name
	rebuild, basis := rebuildTime(plan)
	share, reading := verifyShare, "one reading of both sides"
	if _, replays := r.Source.(sources.Replayer); replays {
		share, reading = replayShare, "one reading of both sides, topics from their start"
		basis += "; topics are read from their start"
	}
	verify := share * rebuild
	ways := []Option{
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
		then, how, err := afterRestore(ctx, r, plan, snapshot.Meta, rebuild)
		if err != nil {
			return Recovery{}, err
		}
		if how == "" {
			then, how = verify, "then as repair: "+reading
		}
		restore.Seconds = float64(snapshot.Bytes)/speed + then
		restore.Basis = fmt.Sprintf("%.0f MB of %s/%s (%s), %s", float64(snapshot.Bytes)/1e6, snapshot.Repository, snapshot.Name, from, how)
		restore.Command = printable.Command("humpty", "restore", name, "--snapshot", snapshot.Repository+"/"+snapshot.Name)
	}
	slices.SortStableFunc(ways, func(a, b Option) int {
		if (a.Not == "") != (b.Not == "") {
			return cmp.Compare(a.Not, b.Not)
		}
		return cmp.Compare(a.Seconds, b.Seconds)
	})
	return Recovery{Projection: name, Alias: r.Projection.Alias, Options: ways, Recommended: ways[0].Name}, nil
}

// afterRestore is how long what came behind the positions of a snapshot takes, and why; how
// is "" for sources that do not say what that is.
func afterRestore(ctx context.Context, r *projector.Rebuild, plan projector.Plan, was sinks.Meta, rebuild float64) (seconds float64, how string, err error) {
	source, ok := r.Source.(sources.SinceOpener)
	if !ok || len(was.Positions) == 0 {
		return 0, "", nil
	}
	compared := func(why string) (float64, string, error) {
		return replayShare * rebuild, "then as repair: one reading of both sides, topics from their start: " + why, nil
	}
	if v := was.Verified; v == nil || v.Sum == "" {
		return compared("the snapshot was written to since it was verified")
	}
	events, read, err := source.CountSince(ctx, generation.ParsePositions(was.Positions))
	var gap *sources.ErrChangesLost
	if errors.As(err, &gap) {
		return compared(gap.Why)
	} else if err != nil {
		return 0, "", fmt.Errorf("ask for what came behind the positions: %w", err)
	}
	each := rebuild / max(float64(plan.Source.Rows), 1)
	seconds = scanShare*rebuild + readShare*each*float64(read) + each*float64(events)
	return seconds, fmt.Sprintf("then about %d events behind its positions (%d to be read), and one reading of the index", events, read), nil
}

// rebuildTime is how long a rebuild takes, by the newest that is on record in a generation.
func rebuildTime(plan projector.Plan) (seconds float64, basis string) {
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
