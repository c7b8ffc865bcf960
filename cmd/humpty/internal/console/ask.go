package console

import (
	"bufio"
	"fmt"
	"strings"

	"humpty/internal/problem"
)

// Interactive tells whether a person is there to be asked.
func (c *Console) Interactive() bool { return c.InTerminal && c.ErrTerminal && !c.JSON }

// Confirm asks a person to type a word. Off a terminal it refuses, and names the
// flag.
func (c *Console) Confirm(question, word, command string) error {
	if c.Yes {
		return nil
	}
	if !c.Interactive() {
		return &problem.Refusal{Why: "this cannot be undone, and there is no terminal to ask at", Remedy: "if it is meant: " + command}
	}
	fmt.Fprint(c.Err, question)
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if strings.TrimSpace(answer) != word || err != nil && answer == "" {
		return &problem.Refusal{Why: fmt.Sprintf("the name %s was not typed: nothing was deleted", word)}
	}
	return nil
}

// UsageError is a command line that cannot be understood.
type UsageError struct{ What, Remedy string }

// Usage makes a UsageError.
func Usage(what, remedy string) *UsageError { return &UsageError{what, remedy} }

func (u *UsageError) Error() string { return u.What }
