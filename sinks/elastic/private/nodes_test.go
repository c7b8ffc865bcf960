package private

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// TestThreeNodes has a cluster of its own, whose nodes it may kill. The third one is for
// loading.
func TestThreeNodes(t *testing.T) {
	cluster := devstack.PrivateCluster(t, devstack.KindElasticsearch, 3, []string{
		"cluster.routing.allocation.disk.threshold_enabled: false",
		"cluster.routing.allocation.node_initial_primaries_recoveries: 20",
	}, map[int][]string{0: {"node.attr.box: serve"}, 1: {"node.attr.box: serve"}, 2: {"node.attr.box: ingest"}})
	t.Run("LoadNodes", func(t *testing.T) { loadNodes(t, cluster) })
	t.Run("NodeLost", func(t *testing.T) { nodeLost(t, cluster) })
	t.Run("KilledInLoad", func(t *testing.T) { killedInLoad(t, cluster) })
	t.Run("NeverBack", func(t *testing.T) { neverBack(t, cluster) })
}

// shardsOn says which node each shard of an index is on, primaries as 0p, copies as 0r.
func shardsOn(t *testing.T, url, index string) map[string]string {
	t.Helper()
	var rows []struct{ Shard, Prirep, Node string }
	text := elastictest.Call(t, http.MethodGet, url+"/_cat/shards/"+index+"?format=json&h=shard,prirep,node", "")
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	on := map[string]string{}
	for _, r := range rows {
		on[r.Shard+r.Prirep] = r.Node
	}
	return on
}

// loadNodes: a generation is loaded on the nodes for it, and is where its own settings
// want it, with its copies, when it is sealed.
func loadNodes(t *testing.T, cluster *devstack.Cluster) {
	urls := cluster.Addresses()
	alias := devstack.Name(t)
	target := elastictest.Target(t, elastic.Config{Addresses: urls, Alias: alias, Load: elastic.Loading{Nodes: map[string]string{"box": "ingest"}}})
	index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_shards":2,"number_of_replicas":1,"index.routing.allocation.require.box":"serve"}}`)
	for shard, node := range shardsOn(t, urls[0], name) {
		if node != "node-2" {
			t.Errorf("during the load shard %s is on %s", shard, node)
		}
	}
	for i := range 5 {
		docs := elastictest.Batch(2000, 1)
		for j := range docs {
			docs[j].ID = fmt.Append(nil, i, "-", j)
		}
		if _, err := index.Write(t.Context(), docs, make([]sinks.Verdict, len(docs))); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	if err := index.Seal(t.Context(), func(waiting string) { said = append(said, waiting) }); err != nil {
		t.Fatal(err)
	}
	on := shardsOn(t, urls[0], name)
	for shard, node := range on {
		if node != "node-0" && node != "node-1" {
			t.Errorf("when sealed shard %s is on %q", shard, node)
		}
	}
	if text := strings.Join(said, "\n"); len(on) != 4 || !strings.Contains(text, "for the copies of "+name) {
		t.Errorf("%d shards; said\n%s", len(on), text)
	}
	if n, err := index.Count(t.Context()); n != 10_000 || err != nil {
		t.Errorf("%d documents, %v", n, err)
	}
}

// nodeLost kills the node of a shard, without a copy and with a translog that is written
// behind, just after it has acknowledged documents, and starts it again: the write goes on,
// documents are gone, and the seal says so. Without its look at the primary terms it would
// pass with a hole.
func nodeLost(t *testing.T, cluster *devstack.Cluster) {
	urls := cluster.Addresses()
	alias := devstack.Name(t)
	target := elastictest.Target(t, elastic.Config{Addresses: urls[:2], Alias: alias})
	index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_shards":3,"number_of_replicas":0,"index.routing.allocation.require.box":"ingest"}}`)
	elastictest.Call(t, http.MethodPut, urls[0]+"/"+name+"/_settings", `{"index.translog.sync_interval":"60s"}`)
	write := func(n int) error {
		verdicts := make([]sinks.Verdict, n)
		_, err := index.Write(t.Context(), elastictest.Batch(n, 1), verdicts)
		for i, v := range verdicts {
			if err == nil && v.Outcome != sinks.Written {
				err = fmt.Errorf("document %d: %+v", i, v)
			}
		}
		return err
	}
	if err := write(1000); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kill(2); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error { return write(10) }) // to shards that are away for a while
	if err := cluster.Start(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	n, err := index.Count(t.Context())
	if err != nil || n >= 1000 {
		t.Fatalf("%d documents, %v: the node lost none, so the test shows nothing", n, err)
	}
	t.Logf("%d of 1000 acknowledged documents are left", n)
	err = index.Seal(t.Context(), nil)
	elastictest.WantError(t, err, elastic.Failed, "of index "+name+" was restarted during the load", "a node was lost or restarted", "may be gone")
	if _, err := index.Write(t.Context(), elastictest.Batch(1000, 1), make([]sinks.Verdict, 1000)); err != nil {
		t.Fatal(err)
	}
	if n, err = index.Count(t.Context()); n != 1000 || err != nil {
		t.Errorf("written again with the same version: %d documents, %v", n, err)
	}
}
