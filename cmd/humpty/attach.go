package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector/report"
)

// attach shows what a live run does that another process is at work on, from its log, until
// it ends or stops being worked on.
func (a *app) attach(ctx context.Context, c *config.Config, projections []config.Projection) error {
	state, err := a.state(c)
	if err != nil {
		return err
	}
	p, run, err := a.worked(state, projections)
	if err != nil {
		return err
	}
	f, err := os.Open(state.Log(p.Name, run))
	if err != nil {
		return fmt.Errorf("read the log of run %s: %w", run, err)
	}
	defer f.Close()
	reporter := ui.New(ui.Options{Out: a.err, Interval: a.flags.interval, Bars: a.redraws() && !a.flags.quiet && !a.flags.json})
	var end loggedEnd
	err = reporter.Run(ctx, func(ctx context.Context, show func(report.Event)) error {
		if a.flags.json {
			show = a.eventPrinter("")
		}
		var err error
		end, err = replay(ctx, f, show, func() (bool, error) { return idle(state, p.Name, run) })
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case end.Status == "":
		a.printf("%s: nobody works on run %s any more; go on with it: %s\n", p.Name, run, a.typed("humpty resume", run))
	case end.Resumable:
		a.printf("%s: run %s stopped (%s): %s\n  go on with it: %s\n", p.Name, run, end.Status, end.Reason, a.typed("humpty resume", run))
	default:
		a.printf("%s: run %s ended: %s %s\n", p.Name, run, end.Status, end.Reason)
	}
	return nil
}

// worked finds the newest run that a process is at work on.
func (a *app) worked(state assemble.State, projections []config.Projection) (config.Projection, string, error) {
	var of config.Projection
	newest := ""
	for _, p := range projections {
		runs, err := state.Runs(p.Name)
		if err != nil {
			return of, "", err
		}
		for _, run := range runs {
			free, err := idle(state, p.Name, run)
			if err != nil {
				return of, "", err
			}
			if !free && run > newest { // ids begin with the time
				of, newest = p, run
			}
		}
	}
	if newest == "" {
		return of, "", &problem.Refusal{
			Why:    fmt.Sprintf("no process works on a live run of the state folder %s now", state.Dir),
			Remedy: "humpty status shows what there is; --state DIR names another folder",
		}
	}
	return of, newest, nil
}

// idle reports whether no process is at work on a run.
func idle(state assemble.State, projection, run string) (bool, error) {
	store, err := state.Open(projection, run)
	if err != nil {
		return !state.Has(projection, run), nil //nolint:nilerr // a run that is there and cannot be opened is locked by its process
	}
	return true, store.Close()
}

// lookAgain is how often a log is looked at that has not grown.
const lookAgain = 250 * time.Millisecond

// replay shows the lines of a log as they come, until its end or until the run is left.
func replay(ctx context.Context, log io.Reader, show func(report.Event), left func() (bool, error)) (loggedEnd, error) {
	in := bufio.NewReader(log)
	var part []byte
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for abandoned := false; ; {
		line, err := in.ReadBytes('\n')
		part = append(part, line...)
		switch {
		case errors.Is(err, io.EOF):
			if abandoned {
				return loggedEnd{}, nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return loggedEnd{}, context.Cause(ctx)
			}
			if abandoned, err = left(); err != nil {
				return loggedEnd{}, err
			}
			continue
		case err != nil:
			return loggedEnd{}, fmt.Errorf("read the run's log: %w", err)
		}
		var end loggedEnd
		if err := json.Unmarshal(part, &end); err == nil && end.Type == "end" {
			if more, err := in.Peek(1); err != nil || len(more) == 0 { // else it was gone on with
				return end, nil
			}
		} else {
			var e loggedEvent
			if err := json.Unmarshal(part, &e); err != nil {
				return loggedEnd{}, fmt.Errorf("a line of the run's log cannot be read: %w", err)
			}
			e.Elapsed = seconds(e.Seconds)
			show(e.Event)
		}
		part = slices.Delete(part, 0, len(part))
	}
}
