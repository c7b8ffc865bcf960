package demo

import (
	"context"
	"errors"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/internal/ui"
	"humpty/projector/report"
)

// Run plays the demo and says what was measured, also when it did not come to its end.
// It stops everything it started; with Keep, it does so only if it fails. The error of an
// interrupted demo is ctx's.
func Run(ctx context.Context, o Options) (Result, error) {
	d := &demo{options: o, began: time.Now(), version: map[devstack.Kind]string{}}
	d.story = story{out: o.Out, json: o.JSON}
	if err := d.options.normalize(); err != nil {
		return Result{}, err
	}
	d.result = Result{Orders: d.options.Orders, Seed: d.options.Seed}
	err := d.play(ctx)
	err = errors.Join(err, d.customers.close(ctx), d.carriers.close(), d.follower.close())
	err = errors.Join(err, d.leave(ctx, err))
	d.result.Seconds = time.Since(d.began).Seconds()
	if err == nil {
		d.ending()
	}
	return d.result, errors.Join(err, d.story.err)
}

type demo struct {
	options Options
	story   story
	began   time.Time
	result  Result

	stack    *devstack.Stack
	version  map[devstack.Kind]string
	postgres string // DSN
	brokers  []string
	search   string // URL
	config   string // path of humpty.yaml
	scratch  string // folder to remove at the end, if any
	app      *application
	hits     int64 // of the application's search, before the loss
	lost     time.Time

	stateDir  string // of the live runs
	customers *customers
	follower  *follower
	carriers  *carriers
}

func (d *demo) play(ctx context.Context) error {
	for _, chapter := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Three real servers, on this machine only", d.servers},
		{"A shop", d.shop},
		{"Its carriers, who write events", d.tellPast},
		{"Its read model, built for the first time", d.firstBuild},
		{"The application, which never stops writing", d.business},
		{"The disaster", d.disaster},
		{"The rebuild, while customers go on", d.rebuild},
		{"Is it right? Ask SQL", d.compare},
		{"Read models of events", d.parcels},
	} {
		d.story.title(chapter.title)
		if err := errors.Join(d.story.err, ctx.Err()); err != nil {
			return err
		}
		if err := chapter.play(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// timed measures one step of the timeline; do fills in what it counted.
func (d *demo) timed(name string, do func(*Step) error) error {
	step := Step{Name: name}
	start := time.Now()
	err := do(&step)
	step.Seconds = time.Since(start).Seconds()
	if err == nil {
		d.add(step)
	}
	return err
}

func (d *demo) add(step Step) {
	d.result.Steps = append(d.result.Steps, step)
	d.story.emit("step", step)
}

// watch shows the progress of work that takes a while.
func (d *demo) watch(ctx context.Context, work func(context.Context, func(report.Event)) error) error {
	o := ui.Options{Out: d.options.Progress, Bars: d.options.Bars, Interval: d.options.Interval}
	return ui.New(o).Run(ctx, work)
}
