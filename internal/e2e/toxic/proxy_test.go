// Package toxic puts a bad network between humpty and each of its servers.
package toxic

import (
	"context"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// network is what lies between a client and one server.
type network struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// between returns the address of a server with a network in front of it.
func between(t *testing.T, server string) (address string, n network) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	quiet := zerolog.Nop()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), quiet)
	n = network{t: t, proxy: toxiproxy.NewProxy(api, "network", "127.0.0.1:0", u.Host)}
	n.up()
	t.Cleanup(n.proxy.Stop)
	u.Host = n.proxy.Listen
	return u.String(), n
}

// up lets connections through again.
func (n network) up() {
	n.t.Helper()
	if err := n.proxy.Start(); err != nil {
		n.t.Fatal(err)
	}
}

// down cuts all connections, and refuses new ones.
func (n network) down() { n.proxy.Stop() }

// add makes it bad in some ways, each a toxic as toxiproxy's API takes it.
func (n network) add(toxics ...string) {
	n.t.Helper()
	for _, toxic := range toxics {
		if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			n.t.Fatal(err)
		}
	}
}

func (n network) heal() {
	n.t.Helper()
	n.proxy.Toxics.ResetToxics(context.WithoutCancel(n.t.Context()))
}

// What a network can do. With halfOpen nothing comes any more, and nobody is told.
const (
	late     = `{"name": "late", "type": "latency", "stream": "downstream", "attributes": {"latency": 15, "jitter": 10}}`
	narrow   = `{"name": "narrow", "type": "bandwidth", "stream": "upstream", "attributes": {"rate": 400}}`
	slowEnd  = `{"name": "slow end", "type": "slow_close", "stream": "downstream", "attributes": {"delay": 300}}`
	halfOpen = `{"name": "half open", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`
)
