package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// Examine is what Verify and Repair have in common: one generation, held against the source.
type Examine struct {
	Projection Projection
	Source     sources.Source
	Target     sinks.Target
	Owner      sinks.Owner
	Generation string // what the alias serves if empty

	Settle  time.Duration                 // on an index that others write to: how long a change may be on its way; 5 s if 0
	Show    int                           // differences that are named with their fields; 10 if 0
	Each    func(verify.Difference) error // told of every difference, one at a time; may be nil
	Observe func(report.Event)            // may be nil
}

// Finding is what is known of a generation after Verify or Repair.
type Finding struct {
	Run        string               `json:"run"`
	Projection string               `json:"projection"`
	Alias      string               `json:"alias"`
	Generation string               `json:"generation,omitempty"`
	Serving    bool                 `json:"serving"` // the alias serves it: others may write to it
	Started    time.Time            `json:"started"`
	Seconds    float64              `json:"seconds"`
	Verified   verify.Report        `json:"verified"` // before anything was repaired
	Deviations []string             `json:"deviations,omitempty"`
	Queries    []verify.QueryResult `json:"queries,omitempty"`
	Notices    []string             `json:"notices,omitempty"`
	Delta      *Delta               `json:"delta,omitempty"` // of a restore, where topics say what came since
	Repair     *Amendments          `json:"repair,omitempty"`
}

// examination is an Examine on its way.
type examination struct {
	Examine
	observer *report.Observer
	began    time.Time
	finding  Finding

	survey     sinks.Survey
	generation sinks.Generation
	index      sinks.Index
	plan       sources.Plan
	view       sources.View
	ignore     *canonjson.Paths
	foreign    bool // others wrote the generation, whatever its state says
}

func newExamination(e *Examine) *examination {
	x := &examination{Examine: *e, began: time.Now()}
	x.Projection.Limits = x.Projection.Limits.withDefaults()
	x.observer = report.NewObserver(e.Observe)
	if x.Show == 0 {
		x.Show = differencesShown
	}
	x.finding = Finding{Run: e.Owner.Run, Projection: e.Projection.Name, Alias: e.Projection.Alias, Started: x.began.UTC()}
	return x
}

// open finds the generation and opens both sides.
func (x *examination) open(ctx context.Context) error {
	err := x.find(ctx)
	if err != nil {
		return err
	}
	if err := startsPassed(x.generation, x.plan.Starts); err != nil {
		return err
	}
	if x.view, err = open(ctx, x.Source, x.observer); err != nil {
		return err
	}
	if was := x.generation.Meta.Definition; was != "" && was != x.Projection.Hash {
		x.observer.Notice("the projection's definition has changed since " + x.finding.Generation + " was made: documents may differ for that reason")
	}
	return nil
}

// find opens the generation and plans the source.
func (x *examination) find(ctx context.Context) (err error) {
	if x.ignore, err = canonjson.ParsePaths(x.Projection.Verify.Ignore); err != nil {
		return err
	}
	if x.survey, err = x.Target.Survey(ctx); err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	name := x.Generation
	if name == "" {
		if name = x.survey.Live(); name == "" {
			return &problem.Refusal{
				Why:    fmt.Sprintf("alias %s does not serve one index, so there is none to compare", x.survey.Alias),
				Remedy: fmt.Sprintf("name one: --generation NAME; `humpty status %s` lists them", x.Projection.Name),
			}
		}
	}
	var ok bool
	if x.generation, ok = x.survey.Find(name); !ok {
		return &problem.Refusal{
			Why:    fmt.Sprintf("index %s is not a generation of alias %s", name, x.survey.Alias),
			Remedy: fmt.Sprintf("`humpty status %s` lists them", x.Projection.Name),
		}
	}
	x.finding.Generation = name
	for _, s := range x.survey.Serving {
		x.finding.Serving = x.finding.Serving || s.Index == name
	}
	if x.index, err = x.Target.Open(ctx, name); err != nil {
		return fmt.Errorf("open index %s: %w", name, err)
	}
	if x.plan, err = x.Source.Plan(ctx); err != nil {
		return fmt.Errorf("plan the source: %w", err)
	}
	return nil
}

// compare fills the finding; each is told of every difference.
func (x *examination) compare(ctx context.Context, level verify.Level, each func(verify.Difference) error) error {
	check := verify.Check{
		Source: x.Source, View: x.view, Plan: x.plan, Index: x.index,
		Level: level, Budget: x.Projection.Verify.Budget, Ignore: x.ignore,
		Exact: x.alone(), Writes: verify.Writes{Static: !x.finding.Serving, SettleTime: x.Settle},
		Batch: min(x.Projection.Limits.Batch, comparedAtOnce),
		Output: verify.Output{Show: x.Show, Each: each, Progress: func(docs, bytes int64) {
			x.observer.Compared(docs, max(x.generation.Documents, 0), bytes)
		}},
	}
	var err error
	x.finding.Verified, err = check.Run(ctx)
	if why := x.finding.Verified.Why; err == nil && why != "" {
		x.observer.Notice(why)
	}
	return err
}

// alone reports whether only humpty has written the generation so far: it never was live.
func (x *examination) alone() bool {
	switch x.generation.Meta.State {
	case sinks.Live, sinks.Retired:
		return false
	}
	return !x.finding.Serving && !x.foreign
}

// prove asks the rest: definition and queries.
func (x *examination) prove(ctx context.Context) error {
	live := x.survey.Live()
	if live == x.finding.Generation {
		live = ""
	}
	p, err := prove(ctx, x.Target, x.index, x.Projection, live)
	if err != nil {
		return err
	}
	x.finding.Deviations, x.finding.Queries = p.deviations, p.answers
	return p.judge(x.finding.Verified)
}

// done closes the source and completes the finding.
func (x *examination) done(ctx context.Context, err error) (Finding, error) {
	if x.view != nil {
		closing, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		err = errors.Join(err, x.view.Close(closing))
	}
	x.finding.Seconds = time.Since(x.began).Seconds()
	x.finding.Notices = x.observer.Notices()
	return x.finding, err
}

// phase tells the observer of one step.
func (x *examination) phase(ctx context.Context, p report.Phase, do func(context.Context) error) error {
	start := time.Now()
	x.observer.Start(p)
	err := do(ctx)
	x.observer.End(p, time.Since(start), err)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

// Verify compares a generation with its source and definition, and changes nothing. What
// differs is in the finding, and a *Differs.
func (e *Examine) Verify(ctx context.Context) (Finding, error) {
	x := newExamination(e)
	err := x.phase(ctx, report.PhaseVerify, func(ctx context.Context) error {
		if err := x.open(ctx); err != nil {
			return err
		}
		if err := x.compare(ctx, x.Projection.Verify.level(), x.Each); err != nil {
			return err
		}
		return x.prove(ctx)
	})
	return x.done(ctx, err)
}
