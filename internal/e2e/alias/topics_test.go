package alias

import (
	"strings"
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/chaos"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
)

// An application changes rows and produces events, and writes every document of them that it
// has changed through the alias, while the program builds the next generation and is killed.
// At rest the whole index is what the oracle says.
func TestApplicationWithTopics(t *testing.T) {
	t.Parallel()
	server := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	s := rig.New(t, server, devstack.Elasticsearch(t))
	place := chaos.Place{
		Postgres: server, Elasticsearch: s.ES, Kafka: devstack.Kafka(t)[0],
		Program: s.Command(t).Path, Name: strings.ReplaceAll(s.Alias, "_", "-"),
	}
	for _, h := range []struct {
		mode projector.Writer
		seed uint64 // of tables with several topics in them, at two depths
	}{{projector.WriterHandover, 3}, {projector.WriterFreeze, 2}} {
		t.Run(string(h.mode), func(t *testing.T) {
			report, err := chaos.Run(t.Context(), place, h.seed, h.mode)
			if err != nil {
				t.Fatal(err)
			}
			if report.Transactions == 0 || report.Events == 0 || report.Topics < 2 {
				t.Error("rows and events were not written beside it")
			}
			t.Logf("%+v", report)
		})
	}
}
