// Package console is how a verb talks: results on stdout for a person or a machine, messages
// and progress on stderr, and questions to a person who can be asked.
package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"humpty/internal/printable"
	"humpty/internal/ui"
)

// Console is the streams of one invocation, and how they are to be used.
type Console struct {
	Invocation

	In  io.Reader
	Out *Sink     // results
	Err io.Writer // messages and progress

	Secrets *printable.Secrets // hidden in all that is printed

	InTerminal, ErrTerminal bool

	Env func(string) (string, bool)

	JSON     bool // results as lines of JSON
	Quiet    bool // no progress and no warnings
	Yes      bool // the answer to every question
	NoColor  bool
	Interval time.Duration // between lines of progress
	File     ConfigFile

	terminal io.Writer // Err as it is, for what redraws lines and colours words
}

// Guard makes all that is printed from now on fit to be shown. It is called once, before
// anything is printed.
func (c *Console) Guard() {
	c.Secrets = &printable.Secrets{}
	c.Out.secrets = c.Secrets
	c.guard(c.Err)
}

func (c *Console) guard(stderr io.Writer) {
	c.terminal = stderr
	c.Err = printable.Writer{To: stderr, Secrets: c.Secrets}
}

// ConfigFile is the configuration that a verb is about, as a person names it.
type ConfigFile struct {
	Path   string
	Origin string // the flag or the variable that names it; empty: it is not known
}

// DefaultConfig is the configuration where none is named.
const DefaultConfig = "humpty.yaml"

// With is the console with another stderr for one of several runs, which asks nothing.
func (c *Console) With(stderr io.Writer) *Console {
	other := *c
	other.InTerminal = false
	other.guard(stderr)
	return &other
}

// Printf writes to stdout for a person; with --json the result line says it.
func (c *Console) Printf(format string, args ...any) {
	if flags := printable.Command(c.Flags...); flags != "" {
		format = strings.ReplaceAll(c.Addressed(format), flags, strings.ReplaceAll(flags, "%", "%%"))
	}
	fmt.Fprintf(c.People(), format, args...)
}

// People is stdout for a person; with --json nothing is written, the result line says it.
func (c *Console) People() io.Writer {
	if c.JSON {
		return io.Discard
	}
	return c.Out
}

// Progress is how progress is shown on stderr.
func (c *Console) Progress() ui.Options {
	bars := c.Redraws() && !c.Quiet && !c.JSON
	out := c.Err
	switch {
	case c.Quiet:
		out = io.Discard
	case bars:
		out = c.terminal
	}
	return ui.Options{Out: out, Interval: c.Interval, Bars: bars, Text: c.shown}
}

// shown is a text fit to be shown, for what is written to the terminal itself.
func (c *Console) shown(text string) string { return printable.Text(c.Secrets.Hide(c.Addressed(text))) }

// Say writes a text on stderr behind its label, its further lines below the first.
func (c *Console) Say(label, text string) {
	fmt.Fprintf(c.terminal, "%s %s\n", c.label(label), Indent(c.shown(text)))
}

// label is the first word of a line on stderr.
func (c *Console) label(word string) string {
	text := fmt.Sprintf("%-9s", word)
	if !c.colour() {
		return text
	}
	code := map[string]string{"error": "1;31", "warning": "33", "next": "36"}[word]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (c *Console) colour() bool {
	_, off := c.Env("NO_COLOR")
	return c.Redraws() && !off && !c.NoColor
}

// Redraws tells whether stderr is a terminal that can do more than lines.
func (c *Console) Redraws() bool {
	term, _ := c.Env("TERM")
	return c.ErrTerminal && term != "dumb"
}

// Indent puts the further lines of a text below its first one, behind the label.
func Indent(text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 10))
}
