package report

// Status of a run.
type Status string

// The ends of a run.
const (
	Completed   Status = "completed" // the alias was re-read and serves the generation
	Verified    Status = "verified"  // as asked, the alias was not touched
	Failed      Status = "failed"
	Refused     Status = "refused" // by a guard: nothing is broken, a decision is asked for
	Interrupted Status = "interrupted"
	Killed      Status = "killed" // of an attempt that could not write down its end
)

// PhaseTime is how long a phase took.
type PhaseTime struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// Round is what one round of catch-up did.
type Round struct {
	Marks  int   `json:"marks"`  // that were due
	Reread int64 `json:"reread"` // documents read again
	Left   int   `json:"left"`   // marks that are due for changes the reads did not see, or newer ones
}
