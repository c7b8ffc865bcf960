package join

import (
	"math"
	"slices"

	"humpty/sources"
)

// liveSnapshot is what a read saw that nothing escapes.
func liveSnapshot() sources.TxSnapshot {
	return sources.TxSnapshot{Min: math.MaxUint64, Max: math.MaxUint64}
}

// intersect is what two reads saw, each of them.
func intersect(a, b sources.TxSnapshot) sources.TxSnapshot {
	running := append(slices.Clone(a.Running), b.Running...)
	slices.Sort(running)
	return sources.TxSnapshot{Min: min(a.Min, b.Min), Max: min(a.Max, b.Max), Running: slices.Compact(running)}
}
