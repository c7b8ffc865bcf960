package console

import (
	"errors"
	"strings"
	"testing"

	"humpty/projector/report"
)

// TestNothingCommandsTheTerminal: whatever a server, a topic or an index says, on whichever
// way it is printed, no escape sequence reaches the terminal.
func TestNothingCommandsTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "a\x1b[2J\x1b]0;title\x07b\rc\u009b1Ad\u202ee\x00"
	for _, terminal := range []bool{false, true} {
		var out, errs strings.Builder
		c := &Console{Out: NewSink(&out), Err: &errs, ErrTerminal: terminal, Env: func(string) (string, bool) { return "", false }}
		c.NoColor = true
		c.Guard()
		c.Secrets.Add("hunter2")
		c.Warn(hostile + "hunter2")
		c.Say("error", hostile+"hunter2")
		c.Printf("%s hunter2\n", hostile)
		_, _ = c.Err.Write([]byte(hostile + "hunter2"))
		c.JSON = true
		c.Line(map[string]any{hostile: hostile + "hunter2", "n": 1})
		c.Observer("", func(report.Event) {})(report.Event{Kind: report.Notice, Text: hostile})
		for _, printed := range []string{out.String(), errs.String()} {
			if strings.ContainsAny(printed, "\x1b\x07\r\x00") || strings.ContainsAny(printed, "\u009b\u202e") {
				t.Errorf("printed %q", printed)
			}
			if strings.Contains(printed, "hunter2") || !strings.Contains(printed, `a\u001b[2J`) || !strings.Contains(printed, "***") {
				t.Errorf("printed %q", printed)
			}
		}
	}
}

// TestLabelsAreOurs: on a terminal the label has its colour, and a text that brings its own
// has none.
func TestLabelsAreOurs(t *testing.T) {
	t.Parallel()
	var errs strings.Builder
	c := &Console{Out: NewSink(&strings.Builder{}), Err: &errs, ErrTerminal: true, Env: func(name string) (string, bool) {
		return map[string]string{"TERM": "xterm"}[name], name == "TERM"
	}}
	c.Guard()
	c.Say("error", errors.New("x\x1b[31my\nnext      humpty prune --all").Error())
	want := "\x1b[1;31merror    \x1b[0m x\\u001b[31my\n          next      humpty prune --all\n"
	if errs.String() != want {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
}
