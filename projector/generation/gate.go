package generation

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"humpty/internal/printable"
	"humpty/internal/problem"
	"humpty/sinks"
)

// Gate refuses to let an alias serve a generation that cannot be right behind it: one that
// the alias's filter or routing hides, or one that has lost more documents than it may.
type Gate struct {
	Target     sinks.Target
	Projection string // its name
	Live       bool   // a run continues to write to a generation that it has verified
	MaxShrink  MaxShrink
	AllowEmpty bool // an empty generation was asked for

	// Saved is what the index's meta said before it was made right, as that of a snapshot: it is
	// compared with where the target has nothing.
	Saved sinks.Meta

	// Retry is the command that swaps to a generation; --max-shrink is put behind it where that
	// helps. The default is humpty swap.
	Retry  func(to string) string
	Notice func(string) // told what is worth knowing; may be nil
}

// Check looks at the generation through the alias as it is about to be set, and compares the
// number of documents with what the alias serves now.
func (g *Gate) Check(ctx context.Context, survey sinks.Survey, change sinks.AliasChange) error {
	if survey.Live() == change.To { // it serves already
		return nil
	}
	found, err := g.CheckAlias(ctx, survey, change)
	if err != nil {
		return err
	}
	return g.checkShrink(ctx, survey, change.To, found)
}

// CheckAlias looks at the generation through the alias as it is about to be set, and returns
// how many documents searches would find; -1 if that is not known.
func (g *Gate) CheckAlias(ctx context.Context, survey sinks.Survey, change sinks.AliasChange) (found int64, err error) {
	if !survey.SameProperties() {
		return 0, &problem.Refusal{
			Why:    fmt.Sprintf("alias %s has not the same filter and routing on all indices that it serves: which of them generation %s is to have is not clear", change.Alias, change.To),
			Remedy: "make them the same (POST /_aliases), or take the alias off the other indices; then: " + g.retry(change.To),
		}
	}
	viewer, ok := g.Target.(sinks.AliasViewer)
	if !ok {
		generation, _ := survey.Find(change.To)
		return generation.Documents, nil
	}
	add := change.Added()
	view, err := viewer.ViewThrough(ctx, add)
	if err != nil {
		return 0, fmt.Errorf("look at %s through alias %s: %w", change.To, change.Alias, err)
	}
	if why := wrongThrough(add, view); why != "" {
		return 0, &problem.Refusal{
			Why:    fmt.Sprintf("alias %s cannot serve generation %s as it is set: %s", change.Alias, change.To, why),
			Remedy: g.correctAlias(survey, change),
		}
	}
	if view.Matching < view.Documents {
		g.notice(fmt.Sprintf("the filter of alias %s lets %d of the %d documents of %s through", change.Alias, view.Matching, view.Documents, change.To))
	}
	return view.Searched, nil
}

// wrongThrough says what is wrong with an index behind an alias; "" for nothing.
func wrongThrough(a sinks.AliasAction, v sinks.AliasView) string {
	switch {
	case v.Searched < v.Matching:
		return fmt.Sprintf("its routing of searches %q leads to %d of %d documents: they were placed by another routing, or by their ids",
			a.SearchRouting, v.Searched, v.Matching)
	case a.Routing != "" && v.Addressed < v.Documents:
		return fmt.Sprintf("its routing of reads and writes %q leads to %d of %d documents: a read by id misses the others, and a write makes a second copy of them",
			a.Routing, v.Addressed, v.Documents)
	case v.Got < v.Sampled:
		return fmt.Sprintf("of %d documents that were read by id with its routing of reads and writes %q, %d were found: a write makes a second copy of the others",
			v.Sampled, a.Routing, v.Got)
	case v.Matching == 0 && v.Documents > 0:
		return fmt.Sprintf("its filter %s lets none of the %d documents through", a.Filter, v.Documents)
	}
	return ""
}

// correctAlias says how to take from an alias what cannot be right.
func (g *Gate) correctAlias(survey sinks.Survey, change sinks.AliasChange) string {
	add := change.Added()
	body := map[string]any{"alias": change.Alias}
	for _, serving := range survey.Serving {
		body["index"] = serving.Index
	}
	if add.WriteIndex != nil {
		body["is_write_index"] = *add.WriteIndex
	}
	if len(add.Filter) > 0 && add.Routing == "" && add.SearchRouting == "" {
		return fmt.Sprintf("correct the filter of the alias (POST /_aliases), or the documents; then: %s", g.retry(change.To))
	}
	if len(add.Filter) > 0 {
		body["filter"] = add.Filter
	}
	call, err := json.Marshal(map[string]any{"actions": []any{map[string]any{"add": body}}})
	if err != nil {
		return "" // of strings: cannot fail
	}
	return fmt.Sprintf("take the routing off the alias: POST /_aliases %s\nthen: %s\nor place the documents by it (routing: of the projection's document) and build it again: humpty rebuild %s",
		call, g.retry(change.To), g.Projection)
}

// checkShrink compares the number of documents with what there was.
func (g *Gate) checkShrink(ctx context.Context, survey sinks.Survey, to string, found int64) error {
	if found == 0 && g.AllowEmpty {
		return nil
	}
	before, err := FindBaseline(ctx, g.Target, survey, to)
	if saved := savedBaseline(g.Saved); err == nil && !before.Known() && saved.Known() {
		before = saved
	}
	switch {
	case err != nil:
		return err
	case !before.Known():
		g.notice(fmt.Sprintf("the number of documents of %s is not compared with an earlier one: %s", to, before.From))
		return nil
	case found < 0:
		return &problem.Refusal{
			Why:    fmt.Sprintf("how many documents generation %s has could not be read, and %s", to, before),
			Remedy: "see what is wrong with it (humpty status " + g.Projection + "); then: " + g.retry(to),
		}
	case found >= g.MaxShrink.Least(before.Documents):
		return nil
	}
	lost := float64(before.Documents-found) / float64(before.Documents)
	return &problem.Refusal{
		Why: fmt.Sprintf("generation %s has %d documents, and %s: %.4g%% fewer, where %s is allowed (limits.shrink). Is this the right database, and the whole of it? The alias is as it was, and the generation stays",
			to, found, before, lost*100, g.MaxShrink),
		Remedy: fmt.Sprintf("if the documents are gone on purpose: %s --max-shrink %s", g.retry(to), percentOf(lost)),
	}
}

// percentOf is the limit that allows a loss.
func percentOf(lost float64) string { return fmt.Sprintf("%.0f%%", min(math.Ceil(lost*100), 100)) }

func (g *Gate) retry(to string) string {
	if g.Retry != nil {
		return g.Retry(to)
	}
	return printable.Command("humpty", "swap", g.Projection, "--to", to)
}

func (g *Gate) notice(text string) {
	if g.Notice != nil {
		g.Notice(text)
	}
}

// MaxShrink is the most of its documents that a swap may take from an alias, as a share: 0.2.
// 0 is the default, DefaultMaxShrink; a negative one allows none to be lost.
type MaxShrink float64

// DefaultMaxShrink is what is allowed where nothing is said.
const DefaultMaxShrink MaxShrink = 0.2

func (m MaxShrink) share() float64 {
	switch {
	case m == 0:
		m = DefaultMaxShrink
	case m < 0:
		m = 0
	}
	return float64(m)
}

// Least is the fewest documents that may serve after so many.
func (m MaxShrink) Least(before int64) int64 {
	return before - int64(math.Floor(float64(before)*m.share()+1e-9))
}

func (m MaxShrink) String() string { return fmt.Sprintf("%.4g%%", m.share()*100) }

// Baseline is the number of documents that a new generation is compared with.
type Baseline struct {
	Documents int64  `json:"documents"` // -1: there is none to compare with
	From      string `json:"from"`      // what has, or had, that number; or why there is none
}

// Known tells whether there is something to compare with.
func (b Baseline) Known() bool { return b.Documents >= 0 }

func (b Baseline) String() string { return fmt.Sprintf("%s %d", b.From, b.Documents) }

// FindBaseline counts what the alias serves, through the alias. Where it serves nothing whole, the
// newest generation that was complete says how many documents it had.
func FindBaseline(ctx context.Context, target sinks.Target, survey sinks.Survey, except string) (Baseline, error) {
	viewer, _ := target.(sinks.AliasViewer)
	served := Baseline{From: fmt.Sprintf("alias %s serves", survey.Alias)}
	partial, whole := survey.Partial(), false
	for _, s := range survey.Serving {
		if s.Index == partial {
			continue
		}
		n := s.Documents
		if viewer != nil && n >= 0 {
			view, err := viewer.ViewThrough(ctx, s.Action(survey.Alias))
			if err != nil {
				return Baseline{}, fmt.Errorf("look at %s through alias %s: %w", s.Index, survey.Alias, err)
			}
			n = view.Searched
		}
		if whole = n >= 0; !whole { // a red index: what it had is on record
			break
		}
		served.Documents += n
	}
	if whole {
		return served, nil
	}
	for _, g := range slices.Backward(survey.Generations) {
		if g.Name == except || g.Meta.State != sinks.Live && g.Meta.State != sinks.Retired {
			continue
		}
		if had := recordedBaseline(fmt.Sprintf("generation %s, which alias %s served,", g.Name, survey.Alias), g.Meta); had.Known() {
			return had, nil
		}
	}
	return Baseline{Documents: -1, From: fmt.Sprintf("alias %s serves nothing, and no generation of it is on record that it served", survey.Alias)}, nil
}

// recordedBaseline is how many documents an index was verified or loaded with, by its meta.
func recordedBaseline(what string, m sinks.Meta) Baseline {
	switch {
	case m.Verified != nil:
		return Baseline{Documents: m.Verified.Documents, From: what + " was verified with"}
	case m.Documents > 0:
		return Baseline{Documents: m.Documents, From: what + " was loaded with"}
	}
	return Baseline{Documents: -1}
}

// savedBaseline is how many documents an index had before it was made right.
func savedBaseline(m sinks.Meta) Baseline {
	const what = "the index itself, before it was made right,"
	if m.Served > 0 {
		return Baseline{Documents: m.Served, From: what + " had"}
	}
	return recordedBaseline(what, m)
}
