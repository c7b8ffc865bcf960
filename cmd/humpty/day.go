package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"humpty/internal/assemble"
	"humpty/internal/config"
)

// day is what a rebuild of all has still to do, written down for the process that goes on
// when this one is gone.
type day struct {
	app   *app
	file  string
	state assemble.State

	mu    sync.Mutex
	names []string
}

// begins writes down what a rebuild of all is going to do.
func (a *app) begins(c *config.Config, order []config.Projection) *day {
	d := &day{app: a, file: c.File}
	for _, p := range order {
		d.names = append(d.names, p.Name)
	}
	state, err := a.state(c)
	d.state = state
	if err == nil {
		err = state.SetOutstanding(d.file, d.names)
	}
	if err != nil {
		a.warn("humpty resume --all will not know of those whose turn has not come: " + err.Error())
		d.names = nil
	}
	return d
}

// ended is told what became of one; what failed is still to do.
func (d *day) ended(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := slices.Index(d.names, name)
	if err != nil || at < 0 {
		return
	}
	d.names = slices.Delete(d.names, at, at+1)
	if err := d.state.SetOutstanding(d.file, d.names); err != nil {
		d.app.warn(err.Error())
	}
}

// remaining are the projections of an order that a rebuild of all has still to do, and those
// of which a run was stopped.
func (a *app) remaining(ctx context.Context, c *config.Config, order []config.Projection) ([]config.Projection, error) {
	state, err := a.state(c)
	if err != nil {
		return nil, err
	}
	names, err := state.Outstanding(c.File)
	if err != nil {
		return nil, err
	}
	var rest []config.Projection
	for _, p := range order {
		if !slices.Contains(names, p.Name) {
			found, err := a.leftIn(ctx, c, p)
			if err != nil {
				return nil, fmt.Errorf("look for stopped runs of %s: %w", p.Name, err)
			}
			if len(found) == 0 {
				continue
			}
		}
		rest = append(rest, p)
	}
	if len(rest) == 0 {
		return nil, nothingToResume(state, "", nil)
	}
	return rest, nil
}

// goesOnAll asks once what becomes of all runs that were stopped. Where nobody can be asked
// each of them is refused, and the others are rebuilt.
func (a *app) goesOnAll(ctx context.Context, c *config.Config, order []config.Projection, o rebuilding) (rebuilding, error) {
	if o.goOn = o.goOn || a.flags.yes && !o.anew; o.goOn || o.anew || !a.asks() {
		return o, nil
	}
	var all []left
	for _, p := range order {
		if !p.Live {
			continue
		}
		found, err := a.leftIn(ctx, c, p)
		if err != nil {
			return o, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return o, nil
	}
	resume, err := a.choose(all, a.typed("humpty rebuild --all"))
	o.goOn, o.anew = resume, !resume
	return o, err
}

// jobOfAll prepares one of several: it goes on with what was stopped, if that is meant.
func (a *app) jobOfAll(ctx context.Context, c *config.Config, p config.Projection, verb string, o rebuilding, waiting func(string)) (*job, error) {
	if err := a.tellHalves(ctx, c, p); err != nil {
		return nil, err
	}
	if o.goOn && p.Live {
		found, err := a.leftIn(ctx, c, p)
		if err != nil {
			return nil, err
		}
		switch len(found) {
		case 0:
		case 1:
			o.resume = found[0].run
		default:
			return nil, a.several(found)
		}
	}
	if verb == "resume" && o.resume == "" {
		verb = "rebuild"
	}
	return a.job(ctx, c, p, verb, o, waiting)
}
