package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Plan is what a rebuild would do: data, no side effects.
type Plan struct {
	Projection string               `json:"projection"`
	Alias      string               `json:"alias"`
	Generation string               `json:"generation"` // the name it would have, were it made now
	Situation  generation.Situation `json:"situation"`
	Survey     sinks.Survey         `json:"survey"`
	Source     sources.Plan         `json:"source"`
	Definition problem.List         `json:"definition,omitempty"` // what is wrong with it, or worth a warning
	Before     generation.Baseline  `json:"before"`               // the number of documents that the new generation will be compared with
	Steps      []Step               `json:"steps"`
}

// Step is one line of a plan.
type Step struct {
	Mark string `json:"mark"` // + made, ~ changed, - removed, = not touched
	Text string `json:"text"`
}

// Plan computes what Run would do; it changes nothing and needs no lease.
func (r *Rebuild) Plan(ctx context.Context) (Plan, error) {
	survey, err := r.Target.Survey(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("survey the target: %w", err)
	}
	for _, w := range generation.CheckVersions(ctx, r.Target, survey, r.Projection.Versions) {
		survey.Warnings = append(survey.Warnings, w.String())
	}
	input, err := r.Source.Plan(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("plan the source: %w", err)
	}
	name := generation.NewName(survey, time.Now())
	before, err := generation.FindBaseline(ctx, r.Target, survey, name)
	if err != nil {
		return Plan{}, err
	}
	definition, err := r.checkDraft(ctx, survey, input, name)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Projection: r.Projection.Name,
		Alias:      r.Projection.Alias,
		Generation: name,
		Situation:  generation.SituationOf(survey),
		Survey:     survey,
		Source:     input,
		Before:     before,
		Definition: definition,
	}
	p.Steps = p.steps(r.Projection)
	return p, nil
}

// CheckDefinition says what speaks against the definition of the index, without making it. input is
// what the source says of the documents; where it could not be asked they are not known.
func (r *Rebuild) CheckDefinition(ctx context.Context, input sources.Plan) (problem.List, error) {
	survey, err := r.Target.Survey(ctx)
	if err != nil {
		return nil, fmt.Errorf("survey the target: %w", err)
	}
	return r.checkDraft(ctx, survey, input, generation.NewName(survey, time.Now()))
}

// checkDraft asks the target what speaks against the generation, before it is made.
func (r *Rebuild) checkDraft(ctx context.Context, survey sinks.Survey, input sources.Plan, name string) (problem.List, error) {
	checker, ok := r.Target.(sinks.DraftChecker)
	if !ok {
		return nil, nil
	}
	d := sinks.Draft{Name: name, Definition: r.Projection.Index, Fields: input.Fields, Routed: input.Routed}
	then := survey
	then.Generations = append(slices.Clip(then.Generations), sinks.Generation{Name: name})
	if change, err := then.SwapTo(name, ""); err == nil { // else the swap says what is in the way
		d.Alias = change.Added()
	}
	found, err := checker.CheckDraft(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("check the definition of the index: %w", err)
	}
	return found, nil
}

func (p Plan) steps(def Projection) []Step {
	steps := []Step{
		{"=", "the source is read only: nothing is written, locked or left there"},
		{"+", fmt.Sprintf("index %s, with the load's settings while it fills", p.Generation)},
		{"+", fmt.Sprintf("about %d documents, %.1f MB, from %d partitions by %d readers",
			p.Source.Rows, float64(p.Source.Bytes)/1e6, len(p.Source.Partitions), p.Source.Readers)},
		{"~", "settings of the new index put back as defined, copies awaited"},
		{"=", fmt.Sprintf("verification: %s, against the same snapshot", def.Verify.EffectiveLevel())},
	}
	steps = append(steps, Step{"=", p.comparison(def.Limits.MaxShrink)})
	then := p.Survey
	then.Generations = append(slices.Clip(then.Generations), sinks.Generation{Name: p.Generation})
	change, err := then.SwapTo(p.Generation, "")
	if err != nil {
		return append(steps, Step{"=", "the alias is not touched: " + err.Error()})
	}
	for _, a := range change.Actions {
		switch a.Verb {
		case "add":
			steps = append(steps, Step{"~", fmt.Sprintf("alias %s serves %s", a.Alias, a.Index)})
		case "remove":
			steps = append(steps, Step{"=", fmt.Sprintf("index %s is kept, no longer behind the alias", a.Index)})
		}
	}
	return steps
}

// comparison says what the number of documents is compared with before the swap.
func (p Plan) comparison(most generation.MaxShrink) string {
	if !p.Before.Known() {
		return "the number of documents is not compared with an earlier one: " + p.Before.From
	}
	return fmt.Sprintf("the alias stays as it is if the index has fewer than %d documents: %s, and %s of them may go (limits.shrink)",
		most.Least(p.Before.Documents), p.Before, most)
}

// tell tells the user what there is.
func (p Plan) tell(o *report.Observer) {
	o.Notice(p.Situation.Text)
	for _, note := range p.Source.Notes {
		o.Notice(note)
	}
	for _, w := range append(slices.Clip(p.Source.Warnings), p.Definition.Warnings()...) {
		o.Notice(w.String())
	}
	for _, w := range p.Survey.Warnings {
		o.Notice(w)
	}
}
