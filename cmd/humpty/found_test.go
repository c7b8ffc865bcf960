package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/sinks"
)

// A person is asked what becomes of a run that was stopped; where nobody can be asked, or
// nothing is decided, it is refused with the flags.
func TestChooseWhatBecomesOfAStoppedRun(t *testing.T) {
	t.Parallel()
	run := left{projection: config.Projection{Name: "orders", Live: true}, run: "r1", began: time.Now(), done: 3, of: 8}
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
		var out buffer
		a := &app{in: strings.NewReader(c.typed), err: &out, inTerminal: c.terminal, errTerminal: c.terminal}
		a.flags.json, a.flags.config = c.json, defaultConfig
		resume, err := a.choose([]left{run}, "humpty rebuild orders")
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

// What is half done is what nobody works on, nobody here can go on with, and nothing serves.
func TestHalfDoneGenerations(t *testing.T) {
	t.Parallel()
	g := func(name string, state sinks.State, reason string) sinks.Generation {
		return sinks.Generation{Name: name, Meta: sinks.Meta{Run: "run of " + name, State: state, Reason: reason}}
	}
	survey := sinks.Survey{
		Alias: "orders", Serving: []sinks.Serving{{Index: "served", Ours: true}},
		Generations: []sinks.Generation{
			g("served", sinks.Loading, ""), g("dead", sinks.Loading, ""), g("stopped", sinks.Failed, "load: interrupted by terminated"),
			g("failed", sinks.Failed, "3 documents rejected"), g("running", sinks.Creating, ""), g("old", sinks.Retired, ""),
		},
	}
	lease := &projector.LeaseState{Held: true, Lease: sinks.Lease{Owner: sinks.Owner{Run: "run of running"}}}
	a := &app{env: func(string) (string, bool) { return "", false }}
	var names []string
	for _, g := range a.halvesIn(&config.Config{}, config.Projection{Name: "orders"}, survey, lease) {
		names = append(names, g.Name)
	}
	if got := strings.Join(names, " "); got != "dead stopped" {
		t.Errorf("half done: %s", got)
	}
}
