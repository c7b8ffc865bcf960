package verify

import "math"

// Level of a verification.
type Level string

// The levels; see the documentation of the package.
const (
	Count  Level = "count"
	Sample Level = "sample"
	Full   Level = "full"

	// partial cannot be asked for: it is Full, or Sample, but more than one in a thousand of the documents
	// changed each time they were read, and were not compared.
	partial Level = "partial"
)

// What a sample without a difference proves.
const (
	confidence  = 0.999
	share       = 1.0 / 10_000
	sampleClaim = "with 99.9% probability fewer than 1 in 10,000 differ"
)

// sampleSize is how many documents must be compared without a difference, so that with
// the given confidence fewer than the given share of all differ.
func sampleSize(confidence, share float64) int {
	return int(math.Ceil(math.Log(1-confidence) / math.Log(1-share)))
}
