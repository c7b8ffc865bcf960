package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/bench/internal/result"
	"humpty/internal/testenv/chaos"
	"humpty/projector"
)

// campaign is many histories.
type campaign struct {
	first, seeds  uint64
	modes         []projector.Writer
	standby, keep bool
	program       bool // with topics, and killed
	parallel      int
	most          time.Duration // 0: no bound

	mu    sync.Mutex
	kept  map[projector.Writer]*outcome
	wrong []error
}

// outcome is what came of a campaign's histories of one mode: a line of a results file.
type outcome struct {
	Run      string           `json:"run"`
	Commit   string           `json:"commit"`
	Dirty    bool             `json:"dirty"` // the checkout differed from the commit
	Mode     projector.Writer `json:"mode"`
	Standby  bool             `json:"standby"`
	Parallel int              `json:"parallel"`
	Program  bool             `json:"program"` // by the built program, with topics

	First     uint64   `json:"first"` // the smallest and largest seed
	Last      uint64   `json:"last"`
	Histories int      `json:"histories"`
	Failed    []uint64 `json:"failed"` // seeds

	Seconds      float64 `json:"seconds"` // of all histories, one after the other
	Transactions int64   `json:"transactions"`
	Reread       int64   `json:"reread"`
	Late         int     `json:"late"`      // attempts that landed without a client
	Resumed      int     `json:"resumed"`   // runs that were interrupted and gone on with
	Unsettled    int64   `json:"unsettled"` // documents that a handover reported

	Mixed  int   `json:"mixed"`  // histories with topics
	Events int64 `json:"events"` // transactions of events
	Kills  int   `json:"kills"`
}

// run makes the histories; what ends it early does not lose what came of those before.
func (c *campaign) run(ctx context.Context, b *bench, place chaos.Place) error {
	stamp := result.NewStamp(ctx, "chaos")
	c.kept = map[projector.Writer]*outcome{}
	for _, mode := range c.modes {
		c.kept[mode] = &outcome{
			Run: stamp.Run, Commit: stamp.Commit, Dirty: stamp.Dirty, Mode: mode, Standby: c.standby, Parallel: c.parallel, Program: c.program, Failed: []uint64{},
		}
	}
	begun := time.Now()
	var group errgroup.Group
	group.SetLimit(c.parallel)
	for seed := c.first; seed < c.first+c.seeds; seed++ {
		for _, mode := range c.modes {
			if ctx.Err() == nil && (c.most == 0 || time.Since(begun) < c.most) {
				group.Go(func() error { return c.history(ctx, b, place, seed, mode) })
			}
		}
	}
	err := group.Wait()
	err = errors.Join(append(slices.Clone(c.wrong), err)...)
	histories := 0
	for _, o := range c.kept {
		histories += o.Histories
	}
	b.say("%d histories, %d wrong", histories, len(c.wrong))
	if c.keep && histories > 0 {
		err = errors.Join(err, c.write(filepath.Join(b.results, "chaos"), stamp))
	}
	return err
}

// history makes one, and counts it unless it was cut short.
func (c *campaign) history(ctx context.Context, b *bench, place chaos.Place, seed uint64, mode projector.Writer) error {
	report, wrong := chaos.Run(ctx, place, seed, mode)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.kept[mode]
	if o.Histories == 0 {
		o.First = seed
	}
	o.First, o.Last = min(o.First, seed), max(o.Last, seed)
	o.Histories++
	o.Seconds += report.Seconds
	o.Transactions += report.Transactions
	o.Reread += report.Reread
	o.Late += report.Late
	o.Unsettled += report.Unsettled
	o.Events += report.Events
	o.Kills += len(report.Kills)
	if report.Topics > 0 {
		o.Mixed++
	}
	if report.Resumed {
		o.Resumed++
	}
	if wrong != nil {
		o.Failed = append(o.Failed, seed)
		c.wrong = append(c.wrong, wrong)
		b.say("%v", wrong)
		return nil
	}
	return json.NewEncoder(b.out).Encode(report)
}

// write keeps a line for each mode that had histories.
func (c *campaign) write(folder string, stamp result.Stamp) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep what came of the histories: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, stamp.FileName()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep what came of the histories: %w", err)
	}
	for _, mode := range c.modes {
		if o := c.kept[mode]; o.Histories > 0 {
			err = errors.Join(err, json.NewEncoder(file).Encode(o))
		}
	}
	return errors.Join(err, file.Close())
}
