package private

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// TestTwoNodes has a cluster whose second node is reached by the first through a wire that the test
// can hold. The first one is the master and takes the requests; the shards are on the second.
func TestTwoNodes(t *testing.T) {
	w := newWire(t)
	cluster := devstack.PrivateCluster(t, devstack.KindElasticsearch, 2, []string{
		"cluster.routing.allocation.disk.threshold_enabled: false",
		"cluster.initial_master_nodes: [node-0]",
		"transport.compress: false", // the wire looks for the name of an action
	}, map[int][]string{1: {
		"node.roles: [data]",
		fmt.Sprintf("transport.port: %d", w.to),
		fmt.Sprintf("transport.publish_port: %d", w.listener.Addr().(*net.TCPAddr).Port), //nolint:forcetypeassert // of tcp
	}})
	t.Run("HeldBulkLandsWithoutTheWait", func(t *testing.T) { landsWithoutTheWait(t, cluster, w) })
	t.Run("HeldBulkIsWaitedFor", func(t *testing.T) { isWaitedFor(t, cluster, w) })
	t.Run("PrimaryMoves", func(t *testing.T) { primaryMoves(t, cluster) })
	t.Run("PrimaryFails", func(t *testing.T) { primaryFails(t, cluster) })
}

// onTheSecond makes a generation whose only shard is on the second node. The target knows the first.
func onTheSecond(t *testing.T, cluster *devstack.Cluster) (index sinks.Index, url string) {
	t.Helper()
	alias, urls := devstack.Name(t), cluster.Addresses()
	target := elastictest.Target(t, elastic.Config{Addresses: urls[:1], Alias: alias})
	index, name := elastictest.Generation(t, target, alias, `{"settings":{"number_of_shards":1,"number_of_replicas":0,"index.routing.allocation.require._name":"node-1"}}`)
	if on := shardsOn(t, urls[0], name); on["0p"] != "node-1" {
		t.Fatalf("the shards are on %v", on)
	}
	return index, urls[0] + "/" + name
}

// writeHeld has a document written whose part of the bulk request is held on its way to the primary.
func writeHeld(t *testing.T, index sinks.Index, w *wire, group *errgroup.Group) (release func()) {
	t.Helper()
	held, release := w.hold()
	group.Go(func() error {
		_, err := index.Write(t.Context(), elastictest.Batch(1, 1), make([]sinks.Verdict, 1))
		return err
	})
	select {
	case <-held:
	case <-time.After(time.Minute):
		release()
		t.Fatal("no part of a bulk request came by the wire")
	}
	return release
}

// documentsOf counts what an index has, also what no refresh has shown yet.
func documentsOf(t *testing.T, url string) int { t.Helper(); return len(documents(t, url)) }

// writersOf are the aliases that an index is written through.
func writersOf(t *testing.T, url string) int {
	t.Helper()
	name := url[strings.LastIndex(url, "/")+1:]
	return strings.Count(elastictest.Call(t, http.MethodGet, url+"/_alias?expand_wildcards=all", ""), `"`+name+`-w`)
}

// landsWithoutTheWait: every node confirms that the alias is gone, and the document, deleted by
// an application meanwhile or not, comes afterwards. So the confirmation alone is not enough.
func landsWithoutTheWait(t *testing.T, cluster *devstack.Cluster, w *wire) {
	index, url := onTheSecond(t, cluster)
	var group errgroup.Group
	release := writeHeld(t, index, w, &group)
	name := url[strings.LastIndex(url, "/")+1:]
	answer := elastictest.Call(t, http.MethodPost, strings.TrimSuffix(url, name)+"_aliases", `{"actions":[{"remove":{"index":"`+name+`","alias":"`+name+`-w*"}}]}`)
	if !strings.Contains(answer, `"acknowledged":true`) || writersOf(t, url) != 0 {
		t.Errorf("the alias is not gone: %s", answer)
	}
	before := documentsOf(t, url)
	release()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if after := documentsOf(t, url); before != 0 || after != 1 {
		t.Errorf("%d documents before, %d after: the held bulk request did not land behind the alias's end", before, after)
	}
}

// isWaitedFor: the writer does not end before the held part has landed, and what is sent later is refused.
func isWaitedFor(t *testing.T, cluster *devstack.Cluster, w *wire) {
	index, url := onTheSecond(t, cluster)
	fence := index.(sinks.WriterFence) //nolint:forcetypeassert // see target.go
	before := writersOf(t, url)
	var group, ending errgroup.Group
	release := writeHeld(t, index, w, &group)
	ended := make(chan struct{})
	ending.Go(func() error {
		defer close(ended)
		return fence.BeginWriter(t.Context(), sinks.LeaseWriter)
	})
	old := func() string { // the tasks that a poll lists while the alias is gone already
		return elastictest.Call(t, http.MethodGet, strings.TrimSuffix(url, url[strings.LastIndex(url, "/"):])+"/_tasks?actions=indices:data/write/bulk*", "")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 20 { // the change of aliases takes some milliseconds, the wait ends with the held part only
		select {
		case <-ended:
			release()
			t.Fatal("the writer ended while a part of its bulk request was held")
		case <-tick.C:
		}
	}
	if !strings.Contains(old(), "indices:data/write/bulk[s]") || writersOf(t, url) != before {
		t.Errorf("the bulk request is not under way, or the alias was not replaced: %s", old())
	}
	release()
	if err := errors.Join(group.Wait(), ending.Wait()); err != nil {
		t.Error(err)
	}
	if n := documentsOf(t, url); n != 1 {
		t.Errorf("%d documents are there when the writer has ended", n)
	}
}

// primaryMoves: a primary that is moved to another node is another one, since it forgot what was deleted.
func primaryMoves(t *testing.T, cluster *devstack.Cluster) {
	index, url := onTheSecond(t, cluster)
	changed := primariesChange(t, index)
	elastictest.Call(t, http.MethodPut, url+"/_settings", `{"index.routing.allocation.require._name":"node-0"}`)
	changed("the primary was moved")
}

// primaryFails: where the node of the primary dies, the copy on another node is the primary.
func primaryFails(t *testing.T, cluster *devstack.Cluster) {
	index, url := onTheSecond(t, cluster)
	elastictest.Call(t, http.MethodPut, url+"/_settings", `{"index.routing.allocation.require._name":null,"number_of_replicas":1}`)
	base, name := url[:strings.LastIndex(url, "/")], url[strings.LastIndex(url, "/")+1:]
	elastictest.Call(t, http.MethodGet, base+"/_cluster/health/"+name+"?wait_for_status=green&timeout=60s", "")
	changed := primariesChange(t, index)
	if err := cluster.Kill(1); err != nil {
		t.Fatal(err)
	}
	changed("the node of the primary died")
	if on := shardsOn(t, base, name); on["0p"] != "node-0" {
		t.Errorf("the shards are on %v", on)
	}
}

// primariesChange waits until the index says that its primaries are others.
func primariesChange(t *testing.T, index sinks.Index) (changed func(why string)) {
	t.Helper()
	fence := index.(sinks.WriterFence) //nolint:forcetypeassert // see target.go
	was, err := fence.Primaries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(why string) {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for began := time.Now(); ; <-tick.C {
			is, err := fence.Primaries(t.Context())
			if err == nil && is != was {
				t.Logf("%s: %s, then %s", why, was, is)
				return
			}
			if time.Since(began) > time.Minute {
				t.Fatalf("%s, and it is said to be as before: %s (%v)", why, is, err)
			}
		}
	}
}

// wire hands on what comes for the transport port of a node. While it is to hold, a connection on
// which a part of a bulk request comes stands still; the others do not.
type wire struct {
	listener net.Listener
	to       int

	mu   sync.Mutex
	held chan struct{} // closed when one is held; nil: hold none
	free chan struct{} // closed when it is to be handed on
}

func newWire(t *testing.T) *wire {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, to: port.Addr().(*net.TCPAddr).Port} //nolint:forcetypeassert // of tcp
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error { return w.accept(t, &group) })
	t.Cleanup(func() { _ = listener.Close() })
	return w
}

func (w *wire) accept(t *testing.T, group *errgroup.Group) error {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return err
		}
		var dialer net.Dialer
		there, err := dialer.DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", w.to))
		if err != nil {
			_ = client.Close()
			continue
		}
		group.Go(func() error {
			_, _ = io.Copy(client, there)
			return errors.Join(client.Close(), there.Close())
		})
		group.Go(func() error {
			w.pass(client, there)
			return errors.Join(client.Close(), there.Close())
		})
	}
}

func (w *wire) pass(client, there net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("indices:data/write/bulk[s]")) {
			if free := w.stop(); free != nil {
				<-free
			}
		}
		if _, err := there.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (w *wire) stop() (free <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == nil {
		return nil
	}
	close(w.held)
	w.held = nil
	return w.free
}

// hold holds the next part of a bulk request until it is released.
func (w *wire) hold() (held <-chan struct{}, release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.free = make(chan struct{}), make(chan struct{})
	return w.held, sync.OnceFunc(func() { close(w.free) })
}
