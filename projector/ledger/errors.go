package ledger

import (
	"fmt"

	"humpty/internal/printable"
	"humpty/sources"
)

// TooManyRejections is the gate's no: the target refused more documents than allowed.
type TooManyRejections struct {
	Rejected, Limit int64
	First           []Rejection
}

func (e *TooManyRejections) Error() string {
	text := fmt.Sprintf("%d documents were rejected (limit %d); the alias was not touched", e.Rejected, e.Limit)
	for _, r := range e.First {
		text += fmt.Sprintf("\n  document %s: %s: %s", printable.Value(r.ID), printable.Value(r.Type), printable.Value(r.Reason))
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

// Poisoned is how many events could not be read or applied, by a view of a live log.
func Poisoned(view any) int64 {
	if tainted, ok := view.(sources.PoisonCounter); ok {
		return tainted.PoisonCount()
	}
	return 0
}

// HopelessExcess is how many rejections above the limit end a load before its end: by then
// the mapping is wrong, and hours of loading would not change that.
const HopelessExcess = 1000
