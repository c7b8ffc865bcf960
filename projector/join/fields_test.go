package join_test

import (
	"context"
	"testing"

	"humpty/internal/field"
	"humpty/projector/join"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// described says what its documents have.
type described struct{ sourcetest.MemorySource }

func (d *described) Plan(ctx context.Context) (sources.Plan, error) {
	plan, err := d.MemorySource.Plan(ctx)
	plan.Fields = []field.Field{{Name: "id", Kind: field.Whole}}
	return plan, err
}

// What is spliced into a document is one of its fields: a mapping must have it, too.
func TestPlanHasTheFieldsOfIncludes(t *testing.T) {
	t.Parallel()
	s := join.Source{Root: &described{}, Includes: []join.Include{
		{Name: "parcels", From: &sourcetest.MemorySource{}},
		{Name: "inner", At: []string{"parcels"}, From: &sourcetest.MemorySource{}},
	}}
	plan, err := s.Plan(t.Context())
	if err != nil || len(plan.Fields) != 2 || plan.Fields[1].Name != "parcels" || plan.Fields[1].Kind != field.Object {
		t.Errorf("%v: %+v", err, plan.Fields)
	}
}
