package projector

import "fmt"

// Refusal is a guard's no: nothing is broken, somebody has to decide.
type Refusal struct {
	Why    string
	Remedy string // what to type next; may be empty
	Err    error  // the cause, e.g. *sinks.NameConflict or *sinks.Held; may be nil
}

func (r *Refusal) Error() string {
	if r.Remedy == "" {
		return r.Why
	}
	return r.Why + "\n" + r.Remedy
}

func (r *Refusal) Unwrap() error { return r.Err }

// TooManyRejections is the gate's no: the target refused more documents than allowed.
type TooManyRejections struct {
	Rejected, Limit int64
	First           []Rejection
}

func (e *TooManyRejections) Error() string {
	text := fmt.Sprintf("%d documents were rejected (limit %d); the alias was not touched", e.Rejected, e.Limit)
	for _, r := range e.First {
		text += fmt.Sprintf("\n  document %s: %s: %s", r.ID, r.Type, r.Reason)
	}
	return text
}

// Unbalanced is the ledger's no: something read or sent is not accounted for.
type Unbalanced struct {
	Ledger    Ledger
	Partition string // of which this is the ledger; empty: of the whole run
	Why       string // what is wrong with the partition
}

func (e *Unbalanced) Error() string {
	if e.Partition != "" {
		return fmt.Sprintf("the ledger of partition %s does not balance: %s: %+v; this is a defect, the alias was not touched", e.Partition, e.Why, e.Ledger)
	}
	return fmt.Sprintf("the ledger does not balance: %+v; this is a defect, the alias was not touched", e.Ledger)
}

// TooMuchPoison is the gate's no: more events could not be read or applied than allowed.
// The dead letters say which, and why.
type TooMuchPoison struct{ Poison, Limit int64 }

func (e *TooMuchPoison) Error() string {
	return fmt.Sprintf("%d events could not be read or applied (limit %d); the dead letters have each with its reason; the alias was not touched", e.Poison, e.Limit)
}
