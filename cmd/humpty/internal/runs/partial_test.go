package runs

import (
	"errors"
	"strings"
	"testing"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/projector/lease"
	"humpty/sinks"
)

// A partial generation is one that no run works on, none here can resume, and no alias serves.
func TestPartialGenerations(t *testing.T) {
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
	lease := &lease.State{Held: true, Lease: sinks.Lease{Owner: sinks.Owner{Run: "run of running"}}}
	l := NewLeftovers(nil, &config.Config{}, assemble.State{}, errors.New("there is no home folder"))
	var names []string
	for _, g := range l.PartialGenerations(config.Projection{Name: "orders"}, survey, lease) {
		names = append(names, g.Name)
	}
	if got := strings.Join(names, " "); got != "dead stopped" {
		t.Errorf("half done: %s", got)
	}
}
