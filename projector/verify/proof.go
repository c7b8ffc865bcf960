package verify

import (
	"context"
	"encoding/json"
	"fmt"

	"humpty/sinks"
)

// DetailsShown is how many differences are named where nobody says.
const DetailsShown = 10

// BatchBytes is how much each reader reads before it compares: there is no request that
// it would have to fill.
const BatchBytes = 2 << 20

// Proof is what was asked of a generation beside its documents.
type Proof struct {
	Deviations []string      // of mapping and settings
	Answers    []QueryResult // to the user's queries
}

// Prove compares a generation with its definition, and asks it the user's queries. live is
// what the alias serves, to compare the answers with; "" if nothing does.
func Prove(ctx context.Context, target sinks.Target, index sinks.Index, definition json.RawMessage, queries []Query, live string) (Proof, error) {
	var p Proof
	if conformer, ok := index.(sinks.DefinitionDiffer); ok {
		var err error
		if p.Deviations, err = conformer.DiffDefinition(ctx, definition); err != nil {
			return p, fmt.Errorf("compare mapping and settings with the definition: %w", err)
		}
	}
	searcher, ok := index.(sinks.Searcher)
	if !ok || len(queries) == 0 {
		return p, nil
	}
	var serving sinks.Searcher
	if live != "" {
		if other, err := target.Open(ctx, live); err == nil { // else it is not ours: nothing to compare with
			serving, _ = other.(sinks.Searcher)
		}
	}
	var err error
	p.Answers, err = RunQueries(ctx, queries, searcher, serving)
	return p, err
}

// Judge is nil if nothing speaks against the generation.
func (p Proof) Judge(r Report) error {
	d := &Differs{Missing: r.Missing, Stale: r.Stale, Extra: r.Extra, First: r.First, Deviations: p.Deviations}
	for _, a := range p.Answers {
		if len(a.Wrong) > 0 {
			d.Answers = append(d.Answers, a)
		}
	}
	if !r.Differs() && len(d.Deviations)+len(d.Answers) == 0 {
		return nil
	}
	return d
}
