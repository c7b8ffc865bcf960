package assemble

import (
	"humpty/internal/config"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/projector/verify"
)

// Definition is a projection as the engine takes it.
func Definition(p config.Projection) projector.Projection {
	policy := projector.VerifyPolicy{Level: projector.Level(p.Verify.Level), Budget: p.Verify.Budget, Ignore: p.Verify.Ignore}
	for _, q := range p.Verify.Queries {
		policy.Queries = append(policy.Queries, verify.Query(q))
	}
	return projector.Projection{
		Name: p.Name, Alias: p.Alias, Index: p.Index, Hash: p.Hash, Text: p.Definition, Versions: p.Versions, Keep: p.Keep, Feed: generation.FeedFor(p.FeedPrevious),
		Verify: policy,
		Limits: projector.Limits{
			Rejections: p.Limits.Rejections, Poison: p.Limits.Poison, InFlight: p.Limits.InFlight,
			MaxShrink: maxShrink(p.Limits.Shrink), Writers: p.Limits.Writers, Batch: int(p.Limits.Batch), Rate: p.Limits.Rate, Brake: p.Limits.Brake,
		},
	}
}

// maxShrink is a share of the configuration as the engine takes it.
func maxShrink(share float64) generation.MaxShrink {
	if share == 0 { // none: to the engine 0 is the default
		return -1
	}
	return generation.MaxShrink(share)
}
