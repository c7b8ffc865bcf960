package projector

import (
	"encoding/json"
	"time"

	"humpty/projector/generation"
	"humpty/projector/verify"
)

// Projection is the definition of one read model, as the engine needs it.
type Projection struct {
	Name     string
	Alias    string
	Index    json.RawMessage // settings and mappings, exactly as the target takes them
	Hash     string          // of the whole definition; pins a run
	Text     json.RawMessage // the definition; says in what a changed one differs; may be empty
	Versions string          // class | column, see sinks.ByRow
	Verify   VerifyPolicy
	Limits   Limits
	Keep     int                // generations to keep besides the live one (prune)
	Feed     generation.FeedFor // how long the one that served before is fed after a swap
}

// VerifyPolicy says how a generation is compared with its source before the swap.
type VerifyPolicy struct {
	Level   Level
	Budget  time.Duration  // of a full comparison; 0: no limit
	Ignore  []string       // fields that may differ
	Queries []verify.Query // that a generation must answer as they say
}

// Level of a verification.
type Level = verify.Level

// The levels: number of documents, a random sample, or every document byte for byte.
const (
	LevelCount  = verify.Count
	LevelSample = verify.Sample
	LevelFull   = verify.Full
)

// Limits of a run. Zero values mean the defaults.
type Limits struct {
	Rejections int64 // more rejections than this stop the swap; 0 by default
	Poison     int64 // more unreadable events than this stop the swap; 0 by default
	InFlight   int64 // bytes between source and target; 256 MB by default
	Writers    int   // most bulk requests in flight; 16 by default
	Batch      int   // bytes of a bulk request at the start; 4 MB by default
	Rate       int64 // most bytes/s that a load sends; 0: no limit

	MaxShrink generation.MaxShrink // most of its documents that the alias may lose by a swap; 20% by default, negative: none

	// Brake slows a load down when a percentile of the searches through the alias takes
	// longer: 99: 300 ms. See package documentation for what is measured.
	Brake map[int]time.Duration
}
