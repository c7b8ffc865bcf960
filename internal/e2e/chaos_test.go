package e2e

import (
	"fmt"
	"strings"
	"testing"

	"humpty/internal/testenv/chaos"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
)

// Random schemas, writers, interruptions and late attempts, by each way to swap. What a
// campaign of many seeds is, is go run ./bench chaos.
func TestChaos(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	place := chaos.Place{
		Postgres: stack.Addresses().Postgres, Elasticsearch: devstack.Elasticsearch(t),
		Name: strings.ReplaceAll(devstack.Name(t), "_", "-"),
	}
	late := 0
	for seed := range uint64(2) {
		for _, mode := range []projector.Writer{projector.WriterFreeze, projector.WriterFollow, projector.WriterHandover} {
			t.Run(fmt.Sprintf("%s %d", mode, seed), func(t *testing.T) {
				report, err := chaos.Run(t.Context(), place, seed, mode)
				if err != nil {
					t.Fatal(err)
				}
				if report.Transactions == 0 {
					t.Error("nothing was written beside it")
				}
				late += report.Late
				t.Logf("%+v", report)
			})
		}
	}
	if late == 0 {
		t.Error("no attempt was late")
	}
}

// With a synchronous standby that acknowledges late, commits are in the stream long before
// a read sees them.
func TestChaosWithALateStandby(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	place := chaos.Place{
		Postgres: stack.Addresses().Postgres, Elasticsearch: devstack.Elasticsearch(t),
		Name: strings.ReplaceAll(devstack.Name(t), "_", "-"),
	}
	stop, err := chaos.Standby(t.Context(), place.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	report, err := chaos.Run(t.Context(), place, 2, projector.WriterFollow)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", report)
}
