package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/projector/generation"
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
	input, err := r.Source.Plan(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("plan the source: %w", err)
	}
	p := Plan{
		Projection: r.Projection.Name,
		Alias:      r.Projection.Alias,
		Generation: generation.NewName(survey, time.Now()),
		Situation:  generation.SituationOf(survey),
		Survey:     survey,
		Source:     input,
	}
	p.Steps = p.steps(r.Projection)
	return p, nil
}

func (p Plan) steps(def Projection) []Step {
	steps := []Step{
		{"=", "the source is read only: nothing is written, locked or left there"},
		{"+", fmt.Sprintf("index %s, with the load's settings while it fills", p.Generation)},
		{"+", fmt.Sprintf("about %d documents, %.1f MB, from %d partitions by %d readers",
			p.Source.Rows, float64(p.Source.Bytes)/1e6, len(p.Source.Partitions), p.Source.Readers)},
		{"~", "settings of the new index put back as defined, copies awaited"},
		{"=", fmt.Sprintf("verification: %s, against the same snapshot", def.Verify.level())},
	}
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

// plan reads what there is, and tells the user what that means.
func (n *run) plan(ctx context.Context) error {
	plan, err := n.Plan(ctx)
	if err != nil {
		return err
	}
	resumed := n.Live != nil && n.Live.Resume
	if err := plan.Source.Refusal(); err != nil && !resumed { // a resumed run goes on from what it kept
		return err
	}
	n.survey, n.input = plan.Survey, plan.Source
	n.record.Generation, n.record.Previous = plan.Generation, plan.Survey.Live()
	if !resumed { // then the user was told already
		n.tell(plan)
	}
	n.newestFirst()
	if err := n.begin(ctx); err != nil {
		return err
	}
	n.observer.Expect(n.input.Rows, n.Live != nil, n.survey)
	return n.mayServeEarly()
}

func (n *run) tell(plan Plan) {
	n.observer.Notice(plan.Situation.Text)
	for _, note := range plan.Source.Notes {
		n.observer.Notice(note)
	}
	for _, w := range plan.Source.Warnings {
		n.observer.Notice(w.String())
	}
	for _, w := range plan.Survey.Warnings {
		n.observer.Notice(w)
	}
}
