package problem

import "strings"

// Refusal is a guard's no: nothing is broken, somebody has to decide.
type Refusal struct {
	Why    string
	Remedy string // what to type next; may be empty
	Err    error  // the cause, e.g. *sinks.Trap or *sinks.Held; may be nil
}

func (r *Refusal) Error() string {
	if r.Remedy == "" {
		return r.Why
	}
	return r.Why + "\n" + r.Remedy
}

func (r *Refusal) Unwrap() error { return r.Err }

// FirstLine is an error without its remedy.
func FirstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
