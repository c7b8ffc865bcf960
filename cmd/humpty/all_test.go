package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/signals"
)

// three adds two projections to orders: one that comes first, and one that cannot succeed.
const three = `  customers:
    target: search
    alias: ${ALIAS}-customers
    priority: 1
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {properties: {name: {type: keyword}}}}
    document: {from: shop.customer}
  broken:
    target: search
    alias: ${ALIAS}-broken
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: strict, properties: {id: {type: long}, name: {type: integer}}}}
    document: {from: shop.customer}
`

func TestRebuildAll(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "projections:\n", "projections:\n"+three)
	s.run(t.Context(), "rebuild").want(t, exitUsage, "say which one")
	s.run(t.Context(), "rebuild", "--all", "orders").want(t, exitUsage)

	a := s.run(t.Context(), "rebuild", "--all", "--json", "--progress-interval", "50ms")
	a.want(t, exitRejections, "1 of 3 projections were not rebuilt: broken", "humpty dlq show broken", "all ")
	var result struct{ Outcomes []outcome }
	line := a.out[strings.LastIndex(strings.TrimSpace(a.out), "\n")+1:]
	a.result(t)
	if err := json.Unmarshal([]byte(line), &result); err != nil {
		t.Fatal(err)
	}
	var order, ended []string
	for _, o := range result.Outcomes {
		order = append(order, o.Projection)
		ended = append(ended, string(o.Status))
	}
	if !slices.Equal(order, []string{"customers", "broken", "orders"}) || !slices.Equal(ended, []string{"completed", "failed", "completed"}) {
		t.Errorf("%v ended as %v", order, ended)
	}
	if o := result.Outcomes[1]; o.ExitCode != exitRejections || o.Error == nil || o.Record.Ledger.Rejected != 10 {
		t.Errorf("the one that failed: %+v", o)
	}
	if got := lineOrder(t, a.out); !slices.Equal(got, order) {
		t.Errorf("their turns were %v", got)
	}
	for alias, want := range map[string]int{"": 300, "-customers": 10, "-broken": 0} {
		_, body := s.request(t, t.Context(), http.MethodGet, "/"+s.alias+alias+"/_count?ignore_unavailable=true", "")
		var count struct{ Count int }
		if err := json.Unmarshal([]byte(body), &count); err != nil || count.Count != want {
			t.Errorf("alias %s serves %s", s.alias+alias, body)
		}
	}

	s.edit(t, `name: {type: integer}`, `name: {type: keyword}`)
	s.run(t.Context(), "rebuild", "--all").want(t, exitDone, "PROJECTION", "broken     completed", "3 of 3 over")
}

// lineOrder is the order in which the projections of JSON lines begin.
func lineOrder(t *testing.T, out string) (order []string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var l console.EventLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Type == "phase" && (len(order) == 0 || order[len(order)-1] != l.Projection) {
			order = append(order, l.Projection)
		}
	}
	return order
}

// A signal ends the one that runs, and those that wait for their turn do not begin.
func TestRebuildAllIsStopped(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "projections:\n", "projections:\n"+three)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s.onFirstBulk(t, func() { cancel(&signals.Interrupt{Signal: signals.Watched()[0]}) })
	a := s.run(ctx, "rebuild", "--all", "--json")
	a.want(t, exitInterrupt, "3 of 3 projections were not rebuilt")
	for _, o := range a.result(t)["outcomes"].([]any) {
		o := o.(map[string]any)
		_, began := o["record"]
		if o["status"] != "interrupted" || began != (o["projection"] == "customers") {
			t.Errorf("%v", o)
		}
	}
}
