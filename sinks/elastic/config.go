package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says which cluster and alias, and how to reach it. Addresses and Alias are
// required; the environment is never consulted.
type Config struct {
	Addresses []string // http://host:9200; requests are spread over them, a dead one is left out for a while
	Alias     string

	Username, Password string // basic auth
	APIKey             string // base64 of id:key
	Bearer             string // token

	CA        string // PEM file of the authority that signed the server's certificate; "": the system's
	Cert, Key string // PEM files of the client's certificate and key

	ClusterUUID string // if set, any other cluster is refused
	Gzip        bool   // compress bulk bodies: for slow networks, costs CPU

	LoadNodes   map[string]string // attributes of the nodes that a generation is loaded on; Seal moves it to where its own settings want it; nil: any
	MaxSegments int               // Seal merges each shard to so many segments, before there are copies; 0: it does not

	Connections     int           // kept open to each address; 0: 16. At least as many as concurrent writers
	MaxRequestBytes int           // of one bulk body; larger batches are split; 0: 32 MiB
	RequestTimeout  time.Duration // of one request; after it the outcome is unknown and it is sent again; 0: 2 m
	Outage          time.Duration // how long shards of the index may be without a node before Write and Seal fail; 0: 15 m
	Patience        time.Duration // how long a write block, a server error or an unreadable answer may last before Write fails; 0: 30 s

	// Waiting, if not nil, is told why a Write waits, from its goroutine, before each
	// wait of a second or more.
	Waiting func(reason string)

	// Wrap, if not nil, decorates the HTTP transport; for tests.
	Wrap func(http.RoundTripper) http.RoundTripper
}

func (c Config) withDefaults() Config {
	if c.Connections == 0 {
		c.Connections = 16
	}
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = 32 << 20
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 2 * time.Minute
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	if c.Outage == 0 {
		c.Outage = 15 * time.Minute
	}
	if c.Waiting == nil {
		c.Waiting = func(string) {}
	}
	return c
}

func badConfig(remedy, what string, args ...any) *Error {
	return &Error{Kind: BadConfig, What: fmt.Sprintf(what, args...), Remedy: remedy}
}

func (c Config) urls() ([]*url.URL, error) {
	if len(c.Addresses) == 0 {
		return nil, badConfig("addresses: [\"http://localhost:9200\"]", "the target has no addresses")
	}
	urls := make([]*url.URL, len(c.Addresses))
	for i, a := range c.Addresses {
		u, err := url.Parse(a)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			return nil, badConfig("write it as http://host:9200 or https://host:9200", "address %q is not a URL of a server", redact(a))
		case u.User != nil:
			return nil, badConfig("use username and password", "address %q carries credentials", u.Redacted())
		case u.RawQuery != "" || u.Fragment != "":
			return nil, badConfig("leave out what comes after the path", "address %q has a query or fragment", a)
		}
		urls[i] = u
	}
	return urls, nil
}

// redact hides what may be a password in an address that cannot be parsed.
func redact(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

func (c Config) validate() error {
	ways := 0
	for _, set := range []bool{c.Username != "" || c.Password != "", c.APIKey != "", c.Bearer != ""} {
		if set {
			ways++
		}
	}
	switch {
	case ways > 1:
		return badConfig("keep one of username/password, api_key, bearer", "the target has more than one way to authenticate")
	case (c.Username == "") != (c.Password == ""):
		return badConfig("set both, or neither", "the target has only one of username and password")
	case (c.Cert == "") != (c.Key == ""):
		return badConfig("set both, or neither", "the target has only one of cert and key")
	case c.Connections < 0 || c.MaxRequestBytes < 0 || c.RequestTimeout < 0 || c.Outage < 0 || c.Patience < 0 || c.MaxSegments < 0:
		return badConfig("use 0 for the default", "the target has a negative limit")
	}
	return CheckName(c.Alias)
}

// roundTripper is the HTTP transport: sized for as many connections as there are
// writers, so that none is opened and thrown away under load.
func (c Config) roundTripper() (http.RoundTripper, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, badConfig("give the PEM file of the authority", "ca: %v", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, badConfig("it must begin with -----BEGIN CERTIFICATE-----", "ca: no certificate in %s", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, badConfig("give PEM files that belong together", "cert %s and key %s: %v", c.Cert, c.Key, err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	var rt http.RoundTripper = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       secure,
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConns:          0,
		MaxIdleConnsPerHost:   c.Connections,
		IdleConnTimeout:       60 * time.Second,
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		DisableCompression:    true,
	}
	if c.Wrap != nil {
		rt = c.Wrap(rt)
	}
	return rt, nil
}
