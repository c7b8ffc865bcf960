package elastic_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// TestForeignLeases: what another program wrote where the lease is kept is said for what it is, and
// can be taken over.
func TestForeignLeases(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	for name, c := range map[string]struct{ document, why string }{
		"empty":                 {`{}`, "it names no run"},
		"an owner of text":      {`{"owner":"me","fence":1}`, "does not read"},
		"a fence of text":       {`{"owner":{"run":"r"},"fence":"1"}`, "does not read"},
		"no fence":              {`{"owner":{"run":"r"},"expires":"9999-01-01T00:00:00Z"}`, "fencing number is 0"},
		"a fence that forges":   {`{"owner":{"run":"r"},"fence":9000000000000000000}`, "fencing number is 9000000000000000000"},
		"an epoch that forges":  {`{"owner":{"run":"r"},"fence":1,"epoch":4194305}`, "its epoch is 4194305"},
		"a time that is none":   {`{"owner":{"run":"r"},"fence":1,"expires":"tomorrow"}`, "does not read"},
		"an endless name":       {`{"owner":{"run":"r","host":"` + strings.Repeat("h", 600) + `"},"fence":1}`, "longer than 512 bytes"},
		"an endless activity":   {`{"owner":{"run":"r"},"fence":1,"doing":"` + strings.Repeat("d", 70000) + `"}`, "more than 65536 bytes"},
		"a time behind the end": {`{"owner":{"run":"r"},"fence":1,"expires":"10000-01-01T00:00:00Z"}`, "does not read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alias := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
			first, err := target.Take(t.Context(), sinks.Lease{}, sinks.Owner{Run: "first"}, time.Minute) // which makes the index
			if err != nil {
				t.Fatal(err)
			}
			elastictest.Call(t, http.MethodPut, url+"/humpty-leases/_doc/"+alias, c.document)
			_, err = target.Holder(t.Context())
			var damaged *sinks.DamagedLease
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.Error(), "document "+alias+" of index humpty-leases") {
				t.Fatalf("%v, want %q", err, c.why)
			}
			if _, err := target.Renew(t.Context(), first, time.Minute); !errors.As(err, &damaged) {
				t.Errorf("it can be renewed: %v", err)
			}
			taken, err := target.Take(t.Context(), damaged.Seen, sinks.Owner{Run: "second"}, time.Minute)
			if err != nil || taken.Fence != 1 {
				t.Fatalf("it cannot be taken over: %+v, %v", taken, err)
			}
			if now, err := target.Holder(t.Context()); err != nil || now.Owner.Run != "second" {
				t.Errorf("then it is %+v, %v", now, err)
			}
		})
	}
}
