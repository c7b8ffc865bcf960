package private

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
	"humpty/sources/sourcetest"
)

// requestCounter counts the requests by the node that they were sent to and that answered.
type requestCounter struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen map[string]int
}

func (s *requestCounter) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := s.next.RoundTrip(req)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen["http://"+req.URL.Host]++
	}
	return res, err
}

func (s *requestCounter) take() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.seen
	s.seen = map[string]int{}
	return was
}

// killedInLoad kills the node that has all shards, without copies and with a translog that is
// written behind, at two moments of a load, and starts it again each time. The run notices,
// compares, writes again what was lost, and the index is what its source says; the node gets
// its share of the requests again.
func killedInLoad(t *testing.T, cluster *devstack.Cluster) {
	urls := cluster.Addresses()
	alias, asked := devstack.Name(t), &requestCounter{seen: map[string]int{}}
	target := elastictest.Target(t, elastic.Config{Addresses: urls, Alias: alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
		asked.next = next
		return asked
	}})
	rows := sourcetest.NewLiveSource()
	rows.Partitions = 8
	for i := range 3000 {
		rows.Commit(sourcetest.Change{ID: fmt.Sprint(i), Row: &sourcetest.Row{Group: "g", Value: "x"}})
	}
	store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	var starting errgroup.Group
	moments := []int64{700, 2000}
	r := projector.Rebuild{
		Projection: projector.Projection{
			Name: "killed", Alias: alias, Versions: "class", Limits: projector.Limits{Writers: 2, Batch: 8 << 10},
			Index: []byte(`{"settings":{"number_of_shards":3,"number_of_replicas":0,"index.routing.allocation.require.box":"ingest","index.translog.sync_interval":"60s"}}`),
		},
		Source: rows, Target: target, Owner: sinks.Owner{Run: "killed"}, Live: &projector.Live{Checkpoint: store, Writer: projector.WriterFollow},
		Observe: func(e report.Event) {
			if e.Kind == report.Waiting || e.Kind == report.Notice || e.Kind == report.Started {
				t.Log(e.Phase, e.Text)
			}
			if e.Kind != report.Progress || e.Phase != report.PhaseLoad || len(moments) == 0 || e.Done < moments[0] {
				return
			}
			moments = moments[1:]
			t.Logf("killed at %d documents", e.Done)
			if err := cluster.Kill(2); err != nil {
				t.Error(err)
			}
			asked.take()
			starting.Go(func() error { return cluster.Start(context.WithoutCancel(t.Context()), 2) })
		},
	}
	rec, err := r.Run(t.Context())
	if startErr := starting.Wait(); startErr != nil {
		t.Fatal(startErr)
	}
	if err != nil || rec.Status != report.Completed || len(moments) > 0 {
		t.Fatalf("%v, %d kills left: %+v", err, len(moments), rec)
	}
	if said := strings.Join(rec.Notices, "\n"); rec.Undone == 0 || !strings.Contains(said, "was restarted during the load") {
		t.Errorf("%d documents were lost and written again; said %s", rec.Undone, said)
	}
	t.Logf("%d documents were lost and written again", rec.Undone)
	if !maps.Equal(documents(t, urls[0]+"/"+rec.Generation), rows.Documents()) {
		t.Error("the index is not what the source says")
	}
	nodeServesAgain(t, target, asked, urls)
}

// documents are those of an index, by id.
func documents(t *testing.T, index string) map[string]string {
	t.Helper()
	elastictest.Call(t, http.MethodPost, index+"/_refresh", "")
	var a struct {
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal([]byte(elastictest.Call(t, http.MethodPost, index+"/_search?size=10000", "")), &a); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, h := range a.Hits.Hits {
		all[h.ID] = string(h.Source)
	}
	return all
}

// nodeServesAgain waits for the first answer of the node that was away, which comes within the 15 s
// that it may be left out, and demands its share from then on.
func nodeServesAgain(t *testing.T, target *elastic.Target, asked *requestCounter, urls []string) {
	t.Helper()
	t.Logf("requests since the node was killed last: %v", asked.take())
	look := func() {
		if _, err := target.IndexingPressure(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); asked.take()[urls[2]] == 0; <-tick.C {
		if look(); time.Since(began) > 20*time.Second {
			t.Fatal("no request has reached the node again")
		}
	}
	for range 60 {
		look()
	}
	got := asked.take()
	t.Logf("requests once it was back: %v", got)
	for _, url := range urls {
		if n := got[url]; n < 15 || n > 25 {
			t.Errorf("%s got %d of 60 requests", url, n)
		}
	}
}

// neverBack kills the node for good: what is written to its shards ends with the reason,
// within a bound.
func neverBack(t *testing.T, cluster *devstack.Cluster) {
	urls := cluster.Addresses()
	alias := devstack.Name(t)
	target := elastictest.Target(t, elastic.Config{Addresses: urls[:2], Alias: alias, UnassignedTimeout: 2 * time.Second})
	index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_replicas":0,"index.routing.allocation.require.box":"ingest"}}`)
	if _, err := index.Write(t.Context(), elastictest.Batch(10, 1), make([]sinks.Verdict, 10)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kill(2); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := index.Write(t.Context(), elastictest.Batch(10, 1), make([]sinks.Verdict, 10))
	took := time.Since(began)
	elastictest.WantError(t, err, elastic.Failed, "write to index "+name, "10 documents are without a verdict", "1 of 1 shards of index "+name+" have had no node for", "NODE_LEFT", "start the lost node again, then begin a new rebuild")
	if took > time.Minute {
		t.Errorf("it took %v", took)
	}
	t.Logf("after %v: %v", took, err)
}
