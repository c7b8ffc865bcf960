package assemble

import (
	"humpty/internal/config"
	"humpty/projector"
	"humpty/projector/verify"
)

// Definition is a projection as the engine takes it.
func Definition(p config.Projection) projector.Projection {
	policy := projector.VerifyPolicy{Level: projector.Level(p.Verify.Level), Budget: p.Verify.Budget, Ignore: p.Verify.Ignore}
	for _, q := range p.Verify.Queries {
		policy.Queries = append(policy.Queries, verify.Query(q))
	}
	return projector.Projection{
		Name: p.Name, Alias: p.Alias, Index: p.Index, Hash: p.Hash, Text: p.Definition, Versions: p.Versions, Keep: p.Keep,
		Verify: policy,
		Limits: projector.Limits{
			Rejections: p.Limits.Rejections, Poison: p.Limits.Poison, InFlight: p.Limits.InFlight,
			Writers: p.Limits.Writers, Batch: int(p.Limits.Batch), Rate: p.Limits.Rate, Brake: p.Limits.Brake,
		},
	}
}
