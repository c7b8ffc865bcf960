package devstack

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kind names one of the servers.
type Kind string

// The servers that devstack can run.
const (
	KindPostgres      Kind = "postgres"
	KindElasticsearch Kind = "elasticsearch"
	KindOpenSearch    Kind = "opensearch"
	KindKafka         Kind = "kafka"
)

// Kinds lists every Kind that the shared stack can run.
func Kinds() []Kind {
	return []Kind{KindPostgres, KindElasticsearch, KindOpenSearch, KindKafka}
}

// Options says which servers to start, and how. Only Servers is required.
type Options struct {
	// Servers are started at the same time; none twice.
	Servers []Kind
	// Heap is the fixed heap of each Java server in Java's notation, as "2g", for
	// those that shall run at full speed. If it is empty they have the size for
	// tests: 512 MB and a compiler that is quick to start but makes slower code.
	Heap string
	// Config has further lines for a server's own configuration file
	// (elasticsearch.yml, opensearch.yml, postgresql.conf, server.properties).
	// They come last; a line for a setting that devstack sets too replaces it.
	Config map[Kind][]string
	// Files are laid beside a server's own configuration file, by name: keys and
	// certificates, Elasticsearch's users and users_roles. Kafka's broker.pem, a
	// private key with its certificate, gives it a listener for TLS and SASL.
	Files map[Kind]map[string]string
	// Durable makes PostgreSQL wait for the disk as it does in production.
	// Without it fsync is off: quicker, and data do not survive a power loss.
	Durable bool
	// Keep lets the servers live on when the process that started them ends or
	// calls Close. EndKept or `go run ./internal/testenv/devstack/cmd down` ends them.
	Keep bool
	// Progress, if not nil, is told what happens. It is called from several
	// goroutines, one call at a time.
	Progress func(Progress)
}

// Step is a step on a server's way up.
type Step string

// The steps of a server, in order. Fetching comes only if the server is neither
// installed nor in the cache.
const (
	Fetching Step = "fetching"
	Starting Step = "starting"
	Ready    Step = "ready"
)

// Progress tells that a server has reached a step.
type Progress struct {
	Server Kind `json:"server"`
	Step   Step `json:"step"`
	// Detail is what is fetched or started (a version), or the address of a server
	// that is ready.
	Detail string `json:"detail"`
	// Elapsed is the time since the server was asked for.
	Elapsed time.Duration `json:"elapsed"`
}

// Addresses says where the servers of a stack listen. What does not run is empty.
type Addresses struct {
	// Postgres is a DSN of the superuser postgres in the database postgres.
	Postgres      string   `json:"postgres,omitempty"`
	Elasticsearch string   `json:"elasticsearch,omitempty"` // URL without a trailing slash
	OpenSearch    string   `json:"opensearch,omitempty"`    // URL without a trailing slash
	Kafka         []string `json:"kafka,omitempty"`         // bootstrap brokers, host:port
	SecureKafka   []string `json:"secure_kafka,omitempty"`  // their listeners for TLS and SASL, if they have them
}

func (o Options) validate() error {
	if len(o.Servers) == 0 {
		return errors.New("devstack: Options.Servers is empty: name at least one server")
	}
	for i, k := range o.Servers {
		if !slices.Contains(Kinds(), k) && !k.searches() {
			return fmt.Errorf("devstack: unknown server %q: use one of %v", k, Kinds())
		}
		if slices.Contains(o.Servers[:i], k) {
			return fmt.Errorf("devstack: server %s is named twice in Options.Servers", k)
		}
	}
	for _, k := range slices.Concat(slices.Collect(maps.Keys(o.Config)), slices.Collect(maps.Keys(o.Files))) {
		if !slices.Contains(o.Servers, k) {
			return fmt.Errorf("devstack: Options.Config or Files has something for %q, which Options.Servers does not name", k)
		}
	}
	return nil
}
