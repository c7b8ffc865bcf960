package repair

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/load"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// Verify is what Verify and Repair have in common: one generation, held against the source.
type Verify struct {
	Projection projector.Projection
	Source     sources.Source
	Target     sinks.Target
	Owner      sinks.Owner
	Generation string // what the alias serves if empty

	// Refused is what is known here of the documents of a generation that are refused. It is
	// all there is to know, or else what came behind that which the generation names itself.
	// May be nil. Verify alone asks.
	Refused func(g sinks.Generation) (refused []ledger.Rejection, all bool, err error)

	Settle  time.Duration                 // on an index that others write to: how long a change may be on its way; 5 s if 0
	Show    int                           // differences that are named with their fields; 10 if 0
	Each    func(verify.Difference) error // told of every difference, one at a time; may be nil
	Observe func(report.Event)            // may be nil
}

// Result is what is known of a generation after Verify or Repair.
type Result struct {
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
	Repair     *Changes             `json:"repair,omitempty"`
}

// comparison is a Verify on its way.
type comparison struct {
	Verify
	observer *report.Observer
	began    time.Time
	result   Result

	survey     sinks.Survey
	generation sinks.Generation
	index      sinks.Index
	plan       sources.Plan
	view       sources.View
	ignore     *canonjson.Paths
	foreign    bool             // others wrote the generation, whatever its state says
	moves      bool             // others may write to it meanwhile: it serves, or humpty follow feeds it
	refusals   *ledger.Refusals // known ones, which are no differences
}

func newComparison(v *Verify) *comparison {
	x := &comparison{Verify: *v, began: time.Now()}
	x.Projection.Limits = x.Projection.Limits.WithDefaults()
	x.observer = report.NewObserver(v.Observe)
	if x.Show == 0 {
		x.Show = verify.DetailsShown
	}
	x.result = Result{Run: v.Owner.Run, Projection: v.Projection.Name, Alias: v.Projection.Alias, Started: x.began.UTC()}
	return x
}

// open finds the generation and opens both sides.
func (c *comparison) open(ctx context.Context) error {
	err := c.find(ctx)
	if err != nil {
		return err
	}
	if err := generation.CheckLogs(ctx, c.generation, c.Source, c.plan.Starts, c.observer.Notice); err != nil {
		return err
	}
	if c.view, err = load.Open(ctx, c.Source, c.observer); err != nil {
		return err
	}
	if was := c.generation.Meta.Definition; was != "" && was != c.Projection.Hash {
		c.observer.Notice("the projection's definition has changed since " + c.result.Generation + " was made: documents may differ for that reason")
	}
	return nil
}

// find opens the generation and plans the source.
func (c *comparison) find(ctx context.Context) (err error) {
	if c.ignore, err = canonjson.ParsePaths(c.Projection.Verify.Ignore); err != nil {
		return err
	}
	if c.survey, err = c.Target.Survey(ctx); err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	name := c.Generation
	if name == "" {
		if name = c.survey.Live(); name == "" {
			return &problem.Refusal{
				Why:    fmt.Sprintf("alias %s does not serve one index, so there is none to compare", c.survey.Alias),
				Remedy: fmt.Sprintf("name one: --generation NAME; `humpty status %s` lists them", c.Projection.Name),
			}
		}
	}
	var ok bool
	if c.generation, ok = c.survey.Find(name); !ok {
		return &problem.Refusal{
			Why:    fmt.Sprintf("index %s is not a generation of alias %s", name, c.survey.Alias),
			Remedy: fmt.Sprintf("`humpty status %s` lists them", c.Projection.Name),
		}
	}
	c.result.Generation = name
	for _, s := range c.survey.Serving {
		c.result.Serving = c.result.Serving || s.Index == name
	}
	fed, _, feeds := c.Projection.Feed.At(c.survey, time.Now())
	c.moves = c.result.Serving || feeds && fed.Name == name
	if c.index, err = c.Target.Open(ctx, name); err != nil {
		return fmt.Errorf("open index %s: %w", name, err)
	}
	if c.plan, err = c.Source.Plan(ctx); err != nil {
		return fmt.Errorf("plan the source: %w", err)
	}
	return nil
}

// compare fills the finding; each is told of every difference.
func (c *comparison) compare(ctx context.Context, level verify.Level, each func(verify.Difference) error) error {
	check := verify.Check{
		Source: c.Source, View: c.view, Plan: c.plan, Index: c.index,
		Level: level, Budget: c.Projection.Verify.Budget, Ignore: c.ignore, Refusals: c.refusals,
		Exact: c.alone(), Writes: verify.Writes{Static: !c.moves, SettleTime: c.Settle},
		Batch: min(c.Projection.Limits.Batch, verify.BatchBytes),
		Output: verify.Output{Show: c.Show, Each: each, Progress: func(docs, bytes int64) {
			c.observer.Compared(docs, max(c.generation.Documents, 0), bytes)
		}},
	}
	var err error
	c.result.Verified, err = check.Run(ctx)
	if counter, ok := c.view.(sources.PartitionCounter); ok {
		for _, counts := range counter.PartitionCounts() {
			c.result.Verified.Poison += counts.Poison
		}
	}
	if text := c.result.Verified.Shortfall(); err == nil && text != "" {
		c.observer.Notice(text)
	}
	return err
}

// alone reports whether only humpty has written the generation so far: it never was live.
func (c *comparison) alone() bool {
	switch c.generation.Meta.State {
	case sinks.Live, sinks.Retired:
		return false
	}
	return !c.moves && !c.foreign
}

// prove asks the rest: definition and queries.
func (c *comparison) prove(ctx context.Context) error {
	live := c.survey.Live()
	if live == c.result.Generation {
		live = ""
	}
	p, err := verify.Prove(ctx, c.Target, c.index, c.Projection.Index, c.Projection.Verify.Queries, live)
	if err != nil {
		return err
	}
	c.result.Deviations, c.result.Queries = p.Deviations, p.Answers
	return p.Judge(c.result.Verified)
}

// done closes the source and completes the finding.
func (c *comparison) done(ctx context.Context, err error) (Result, error) {
	if c.view != nil {
		closing, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		err = errors.Join(err, c.view.Close(closing))
	}
	c.result.Seconds = time.Since(c.began).Seconds()
	c.result.Notices = c.observer.Notices()
	return c.result, err
}

// phase tells the observer of one step.
func (c *comparison) phase(ctx context.Context, p report.Phase, do func(context.Context) error) error {
	start := time.Now()
	c.observer.Start(p)
	err := do(ctx)
	c.observer.End(p, time.Since(start), err)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

// Run compares a generation with its source and definition, and changes nothing. What
// differs is in the result, and a *verify.Differs. If nothing does, but too many documents
// could not be compared, that is a *Restless.
func (v *Verify) Run(ctx context.Context) (Result, error) {
	x := newComparison(v)
	err := x.phase(ctx, report.PhaseVerify, func(ctx context.Context) error {
		if err := x.open(ctx); err != nil {
			return err
		}
		if err := x.known(); err != nil {
			return err
		}
		if err := x.compare(ctx, x.Projection.Verify.EffectiveLevel(), x.Each); err != nil {
			return err
		}
		if err := x.prove(ctx); err != nil {
			return err
		}
		if err := x.restless(); err != nil {
			return err
		}
		return x.withinLimits()
	})
	return x.done(ctx, err)
}

// known finds out which documents are refused, as is known: by the generation, and then by who
// has looked after it since.
func (c *comparison) known() error {
	known := generation.RefusedOf(c.generation.Meta)
	if c.Refused != nil {
		more, all, err := c.Refused(c.generation)
		if err != nil {
			return err
		}
		if all {
			known = nil
		}
		known = append(known, more...)
	}
	c.refusals = ledger.NewRefusals(known...)
	return nil
}

// withinLimits is nil if no more is refused than may be: then the generation is equal to its
// sources but for what is known.
func (c *comparison) withinLimits() error {
	v, limits := c.result.Verified, c.Projection.Limits
	switch {
	case v.Rejected > limits.Rejections:
		e := &ledger.TooManyRejections{Rejected: v.Rejected, Limit: limits.Rejections}
		for _, d := range v.First {
			if one, ok := c.refusals.Of([]byte(d.ID)); ok && d.Kind == verify.Rejected {
				e.First = append(e.First, one)
			}
		}
		return e
	case v.Poison > limits.Poison:
		return &ledger.TooMuchPoison{Poison: v.Poison, Limit: limits.Poison}
	}
	return nil
}

// Restless is the answer of a comparison that found no difference, but could not compare
// enough: too many documents changed each time they were read.
type Restless struct {
	Generation        string
	Documents, Moving int64
	First             []string // ids of the first that moved
	Remedy            string
}

func (e *Restless) Error() string {
	return fmt.Sprintf("nothing differs, but this is no full comparison of %s: %d of its documents changed each time they were read (%d were to be compared; first: %s)\n    %s",
		e.Generation, e.Moving, e.Documents, strings.Join(e.First, ", "), e.Remedy)
}

// restless is an error if too many documents changed each time they were read.
func (c *comparison) restless() error {
	v := c.result.Verified
	if !v.Partial() {
		return nil
	}
	documents := v.Documents
	if v.Sampled > 0 {
		documents = v.Sampled
	}
	return &Restless{
		Generation: c.result.Generation, Documents: documents, Moving: v.Moving, First: v.MovingIDs,
		Remedy: fmt.Sprintf("verify again when less is written: humpty verify %s --generation %s", c.Projection.Name, printable.Shell(c.result.Generation)),
	}
}
