package elastic

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/transport"
)

// Credentials are how to authenticate, or nothing.
type Credentials = transport.Credentials

// TLS has files of keys and certificates.
type TLS = transport.TLS

// Config says which cluster and alias, and how to reach it. Addresses and Alias are
// required; the environment is never consulted.
type Config struct {
	Addresses   []string // http://host:9200; requests are spread over them, a dead one is left out for a while
	Alias       string
	Credentials Credentials
	TLS         TLS
	Proxy       string // URL of an HTTP proxy; "": none
	ClusterUUID string // if set, any other cluster is refused
	Gzip        bool   // compress bulk bodies: for slow networks, costs CPU

	Load Loading

	Connections       int           // kept open to each address; 0: 16. At least as many as concurrent writers
	MaxRequestBytes   int           // of one bulk body; larger batches are split; 0: 32 MiB
	RequestTimeout    time.Duration // of one request; after it the outcome is unknown and it is sent again; 0: 2 m
	UnassignedTimeout time.Duration // how long shards of the index may be without a node before Write and Seal fail; 0: 15 m
	RetryBound        time.Duration // how long a write block, a server error or an unreadable answer may last before Write fails; 0: 30 s

	// Waiting, if not nil, is told why a Write waits, from its goroutine, before each
	// wait of a second or more.
	Waiting func(reason string)

	// Wrap, if not nil, decorates the HTTP transport; for tests.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Loading is how a generation is while it is filled.
type Loading struct {
	Nodes       map[string]string // attributes of the nodes that it is on; Seal moves it to where its own settings want it; nil: any
	MaxSegments int               // Seal merges each shard to so many segments, before there are copies; 0: it does not
}

func (c Config) withDefaults() Config {
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = 32 << 20
	}
	if c.RetryBound == 0 {
		c.RetryBound = 30 * time.Second
	}
	if c.UnassignedTimeout == 0 {
		c.UnassignedTimeout = 15 * time.Minute
	}
	if c.Waiting == nil {
		c.Waiting = func(string) {}
	}
	return c
}

func (c Config) validate() error {
	if c.MaxRequestBytes < 0 || c.UnassignedTimeout < 0 || c.RetryBound < 0 || c.Load.MaxSegments < 0 {
		return transport.BadConfigf("use 0 for the default", "the target has a negative limit")
	}
	return CheckName(c.Alias)
}

// connection is how the cluster is reached.
func (c Config) connection() transport.Config {
	return transport.Config{
		Addresses: c.Addresses, Credentials: c.Credentials, TLS: c.TLS, Proxy: c.Proxy, ClusterUUID: c.ClusterUUID,
		Connections: c.Connections, RequestTimeout: c.RequestTimeout,
		RightsRemedy: fmt.Sprintf(rights, c.Alias), Wrap: c.Wrap,
	}
}

const generationSuffix = len("-20061102t150405")

// CheckName says which rule of Elasticsearch and OpenSearch a name for an alias breaks,
// also as the beginning of its generations' names.
func CheckName(alias string) error {
	rule := ""
	switch {
	case alias == "":
		rule = "must not be empty"
	case !utf8.ValidString(alias):
		rule = "must be UTF-8"
	case alias == "." || alias == "..":
		rule = "must not be . or .."
	case strings.ToLower(alias) != alias:
		rule = "must be lower case: " + strings.ToLower(alias)
	case strings.ContainsAny(alias, forbidden):
		at := strings.IndexAny(alias, forbidden)
		rule = "must not contain " + strings.ReplaceAll(alias[at:at+1], " ", "a space") + ` (none of \ / * ? " < > | , # : and space)`
	case strings.ContainsFunc(alias, func(r rune) bool { return r < ' ' }):
		rule = "must not contain control characters"
	case strings.ContainsRune("-_+", rune(alias[0])):
		rule = "must not begin with - _ or +"
	case len(alias) > 255-generationSuffix-fence.LongestSuffix:
		rule = "is too long: with the time that is added to it the index's name would have more than 255 bytes"
	}
	if rule == "" {
		return nil
	}
	return transport.BadConfigf("choose another alias", "%q cannot be the name of an index: it %s", alias, rule)
}

const forbidden = "\\/*?\"<>| ,#:"
