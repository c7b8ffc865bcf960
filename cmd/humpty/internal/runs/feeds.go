package runs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector/checkpoint"
	"humpty/sinks"
	"humpty/sources/postgres"
)

// Fed is the generation that humpty follow feeds though another one serves.
type Fed struct {
	Generation string    `json:"generation"`
	Run        string    `json:"run"`               // whose capture it is fed by
	Until      time.Time `json:"until,omitzero"`    // without end where it is zero
	Stored     bool      `json:"stored,omitempty"`  // by a definition that is not the file's
	NotFed     string    `json:"not_fed,omitempty"` // why it is not fed after all
	Trouble    string    `json:"trouble,omitempty"` // why it is not up to date, as humpty follow said last
	Told       time.Time `json:"told,omitzero"`     // when that was
}

// Term says for how long.
func (f Fed) Term() string {
	if f.Until.IsZero() {
		return "until another takes its place (keep.feed_previous: true)"
	}
	return "until " + f.Until.Local().Format(time.DateTime)
}

// Fed is the generation of that name if humpty follow feeds it, or can resume that here; nil if
// not.
func (c *Captures) Fed(ctx context.Context, p config.Projection, survey sinks.Survey, name string) (*Fed, error) {
	fed, err := c.leftovers.Fed(p, survey)
	if err != nil || fed == nil || fed.Generation != name || fed.NotFed != "" {
		return nil, err
	}
	state, err := c.leftovers.State()
	if err != nil || !state.Has(p.Name, fed.Run) {
		return nil, err
	}
	source, err := c.database(p)
	if err != nil || source == nil { // topics: all is in the state folder
		return fed, err
	}
	all, err := source.Captures(ctx)
	if !slices.ContainsFunc(all, func(one postgres.Capture) bool { return one.Of(fed.Run) && one.Slot && !one.Lost }) {
		return nil, err
	}
	return fed, err
}

// feeds reports whether humpty follow feeds the generation that a run made, though another
// serves.
func (i runInventory) feeds(run string) bool {
	return i.fed != nil && i.fed.Run == run && i.fed.NotFed == ""
}

// Fence asks the process that feeds a generation to write all that is committed now, and waits
// until it says so. It returns false where it has not said so for a while.
func (c *Captures) Fence(ctx context.Context, p config.Projection, fed Fed, question string, idle func() bool) (answered bool, err error) {
	state, err := c.leftovers.State()
	if err != nil {
		return false, err
	}
	if err := state.AskFence(p.Name, fed.Run, question); err != nil {
		return false, fmt.Errorf("ask humpty follow for a fence: %w", err)
	}
	tick := time.NewTicker(fenceLooked)
	defer tick.Stop()
	began := time.Now()
	for looked := 1; time.Since(began) < fencePatience; looked++ {
		var said *checkpoint.Feeding
		if said, err = state.Feeding(p.Name, fed.Run); err != nil || said != nil && said.Answered == question {
			return err == nil, err
		}
		if said != nil && said.Trouble != "" && said.At.After(began) {
			return false, &problem.Refusal{
				Why:    fmt.Sprintf("%s is not kept up to date: %s; nothing was changed", fed.Generation, said.Trouble),
				Remedy: "put that right; or serve it as it is: " + c.leftovers.CommandLine("humpty rollback", p.Name, "--to", fed.Generation, "--now"),
			}
		}
		if looked%idleLooked == 0 && idle() { // which keeps others from the run for a moment
			return false, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	return false, nil
}

const (
	fenceLooked   = 100 * time.Millisecond
	fencePatience = 2 * time.Minute
	idleLooked    = 30 // times of fenceLooked
)
