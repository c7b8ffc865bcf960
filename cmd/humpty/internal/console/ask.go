package console

import (
	"bufio"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"humpty/internal/printable"
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

// CommandLine is a command as a person would type it, about the same configuration.
func (c *Console) CommandLine(parts ...string) string {
	if c.File.Path != DefaultConfig && c.File.Origin == "" {
		parts = append(parts, "--config", printable.Shell(c.File.Path))
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// command finds commands in the remedies of refusals, which know of no configuration.
var command = regexp.MustCompile("humpty [a-z]+( +[^\\s`;,]+)*")

// Message is what an error says, its commands about the same configuration.
func (c *Console) Message(err error) string {
	var refusal *problem.Refusal
	if !errors.As(err, &refusal) || refusal.Remedy == "" {
		return err.Error()
	}
	return strings.Replace(err.Error(), refusal.Remedy, command.ReplaceAllStringFunc(refusal.Remedy, func(s string) string { return c.CommandLine(s) }), 1)
}

// UsageError is a command line that cannot be understood.
type UsageError struct{ What, Remedy string }

// Usage makes a UsageError.
func Usage(what, remedy string) *UsageError { return &UsageError{what, remedy} }

func (u *UsageError) Error() string { return u.What }
