package rebuild

import (
	"errors"
	"strings"
	"testing"
	"time"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/config"
	"humpty/internal/problem"
)

// A person is asked what becomes of a run that was stopped; without a terminal, or if
// nothing is decided, it is refused with the flags.
func TestChooseWhatBecomesOfAStoppedRun(t *testing.T) {
	t.Parallel()
	run := runs.Stopped{Projection: config.Projection{Name: "orders", Live: true}, Run: "r1", Started: time.Now(), Done: 3, Partitions: 8}
	for name, c := range map[string]struct {
		terminal, json bool
		typed          string
		resume, asked  bool
		refused        bool
	}{
		"resume":           {terminal: true, typed: "r\n", resume: true, asked: true},
		"in full":          {terminal: true, typed: "RESUME", resume: true, asked: true},
		"anew":             {terminal: true, typed: "n\n", asked: true},
		"quit":             {terminal: true, typed: "q\n", asked: true, refused: true},
		"at last":          {terminal: true, typed: "what\n\nr\n", resume: true, asked: true},
		"never":            {terminal: true, typed: "1\n2\n3\nr\n", asked: true, refused: true},
		"nothing":          {terminal: true, asked: true, refused: true},
		"no terminal":      {typed: "r\n", refused: true},
		"json":             {terminal: true, json: true, typed: "r\n", refused: true},
		"an answer cut in": {terminal: true, typed: "x", asked: true, refused: true},
	} {
		var out strings.Builder
		r := &Runner{Console: &console.Console{
			In: strings.NewReader(c.typed), Err: &out, InTerminal: c.terminal, ErrTerminal: c.terminal,
			JSON: c.json, File: console.ConfigFile{Path: console.DefaultConfig},
		}}
		resume, err := r.choose([]runs.Stopped{run}, "humpty rebuild orders")
		if resume != c.resume || (err != nil) != c.refused {
			t.Errorf("%s: resume %v, %v", name, resume, err)
		}
		if asked := strings.Contains(out.String(), "run r1 of orders") && strings.Contains(out.String(), "has done 3 of 8 partitions") && strings.Contains(out.String(), "Type r, n or q: "); asked != c.asked {
			t.Errorf("%s: asked %q", name, out.String())
		}
		var refusal *problem.Refusal
		if c.refused && (!errors.As(err, &refusal) || refusal.Remedy != "go on with it: humpty resume r1, or humpty rebuild orders --resume; or give it up and start over: humpty rebuild orders --new") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
