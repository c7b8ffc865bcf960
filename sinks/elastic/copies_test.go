package elastic

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type cannedAnswers func(path string) string

func (a cannedAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a(req.URL.Path)))}, nil
}

// TestCopiesWithoutAPlace: copies that the cluster's rules keep off every node are not waited
// for without an end, which would hold the swap, or what comes behind it, for good; those that
// will come are.
func TestCopiesWithoutAPlace(t *testing.T) {
	t.Parallel()
	const (
		sameShard = `{"decider":"same_shard","explanation":"a copy is here already"}`
		filtered  = `{"decider":"filter","explanation":"node does not match index setting [index.routing.allocation.require]"}`
	)
	for name, test := range map[string]struct {
		can  string
		want string // empty: it goes on waiting
	}{
		"barred":   {"no", "no longer: index shop-1 stays yellow, 2 copies have no node to be on: node does not match index setting [index.routing.allocation.require]"},
		"delayed":  {"allocation_delayed", ""},
		"queueing": {"throttled", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, err := newCluster(Config{Addresses: []string{"http://a"}, Alias: "shop", Wrap: func(http.RoundTripper) http.RoundTripper {
					return cannedAnswers(func(path string) string {
						switch path {
						case "/_cluster/health/shop-1":
							return `{"status":"yellow","number_of_data_nodes":3,"active_primary_shards":2,"active_shards":4,"unassigned_shards":2}`
						case "/_cluster/allocation/explain":
							return `{"current_state":"unassigned","can_allocate":"` + test.can + `","node_allocation_decisions":[{"deciders":[` + sameShard + `]},{"deciders":[` + filtered + `]}]}`
						}
						return "{}"
					})
				}})
				if err != nil {
					t.Fatal(err)
				}
				x := &lifecycle{metaRecord: &metaRecord{indexRef: &indexRef{cluster: c, name: "shop-1", path: "/shop-1", shards: 2}}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began, last := time.Now(), ""
				err = x.waitForCopies(ctx, func(waiting string) { last = waiting })
				switch {
				case test.want == "" && !errors.Is(err, context.DeadlineExceeded):
					t.Errorf("it does not wait: %v, %s", err, last)
				case test.want != "" && (err != nil || !strings.Contains(last, test.want) || time.Since(began) > 2*c.cfg.RetryBound):
					t.Errorf("after %s: %v, said %q", time.Since(began), err, last)
				}
			})
		})
	}
}
