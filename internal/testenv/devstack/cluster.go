package devstack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// Cluster is several nodes of one search server, each a process of its own.
type Cluster struct {
	kind  Kind
	nodes []*Stack
}

// PrivateCluster starts a cluster of the test's own, as Private does a server: of kind
// Elasticsearch or OpenSearch, with 512 MB of heap for each node and a further
// configuration for all of them and for single ones. Every node may be master and holds
// data, unless the lines say otherwise; they are counted from 0. A node's own transport.port is
// where it listens. It takes the turn of a private search server.
func PrivateCluster(t testing.TB, kind Kind, nodes int, config []string, own map[int][]string) *Cluster {
	t.Helper()
	skipShort(t)
	f, err := myFolders()
	if err != nil {
		t.Fatal(err)
	}
	turn, err := f.awaitTurn(t.Context(), []Kind{kind}, timeLeft(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := turn.unlock(); err != nil {
			t.Error(err)
		}
	})
	c := &Cluster{kind: kind, nodes: make([]*Stack, nodes)}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	if err := c.start(t.Context(), config, own); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts all nodes at once: the first ones answer when they have elected a master.
func (c *Cluster) start(ctx context.Context, config []string, own map[int][]string) error {
	names, seeds := make([]string, len(c.nodes)), make([]string, len(c.nodes))
	ports := make([]int, len(c.nodes))
	for i := range c.nodes {
		var err error
		if ports[i], err = transportPort(own[i]); err != nil {
			return err
		}
		names[i], seeds[i] = fmt.Sprintf("node-%d", i), fmt.Sprintf("127.0.0.1:%d", ports[i])
	}
	discovery := "multi-node"
	if c.kind.flavour().name == "opensearch" {
		discovery = "zen"
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range c.nodes {
		lines := replaceSettings([]string{
			fmt.Sprintf("cluster.name: humpty-%d", ports[0]),
			"node.name: " + names[i],
			"discovery.type: " + discovery,
			"discovery.seed_hosts: [\"" + strings.Join(seeds, `", "`) + "\"]",
			"cluster.initial_master_nodes: [" + strings.Join(names, ", ") + "]",
			fmt.Sprintf("transport.port: %d", ports[i]),
		}, slices.Concat(config, own[i]))
		opts := Options{Servers: []Kind{c.kind}, Config: map[Kind][]string{c.kind: lines}}
		group.Go(func() (err error) {
			c.nodes[i], err = Start(ctx, opts)
			return err
		})
	}
	return group.Wait()
}

// transportPort is what a node's own lines name, or one that is free.
func transportPort(own []string) (int, error) {
	for _, line := range own {
		if port, ok := strings.CutPrefix(line, "transport.port: "); ok {
			return strconv.Atoi(port)
		}
	}
	return freePort()
}

func (c *Cluster) close() error {
	var errs []error
	for _, n := range c.nodes {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}

// Addresses are the URLs of the nodes, in their order.
func (c *Cluster) Addresses() []string {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		a := n.Addresses()
		urls[i] = a.Elasticsearch + a.OpenSearch
	}
	return urls
}

// Kill ends a node at once, as by kill -9.
func (c *Cluster) Kill(node int) error { return c.nodes[node].Kill(c.kind) }

// Start starts a node that was killed, with its data and its ports, and waits until it
// answers.
func (c *Cluster) Start(ctx context.Context, node int) error {
	return c.nodes[node].Start(ctx, c.kind)
}
