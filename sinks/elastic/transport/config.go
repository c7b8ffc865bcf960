package transport

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

// Config says which cluster, and how to reach it. Addresses are required; the environment is
// never consulted.
type Config struct {
	Addresses   []string // http://host:9200; requests are spread over them, a dead one is left out for a while
	Credentials Credentials
	TLS         TLS
	Proxy       string // URL of an HTTP proxy; "": none
	ClusterUUID string // if set, any other cluster is refused

	Connections    int           // kept open to each address; 0: 16
	RequestTimeout time.Duration // of one request; 0: 2 m

	RightsRemedy string // of an Error of kind Rights: what to grant the account

	// Wrap, if not nil, decorates the HTTP transport; for tests.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Credentials are one way to authenticate, or none.
type Credentials struct {
	Username, Password string // basic auth
	APIKey             string // base64 of id:key
	Bearer             string // token
}

// TLS has PEM files beyond what the system has.
type TLS struct {
	CA        string // of the authority that signed the server's certificate; "": the system's
	Cert, Key string // of the client's certificate and key
}

func (c Config) withDefaults() Config {
	if c.Connections == 0 {
		c.Connections = 16
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 2 * time.Minute
	}
	return c
}

// BadConfigf is the error of a configuration that is wrong.
func BadConfigf(remedy, what string, args ...any) *Error {
	return &Error{Kind: BadConfig, What: fmt.Sprintf(what, args...), Remedy: remedy}
}

func (c Config) urls() ([]*url.URL, error) {
	if len(c.Addresses) == 0 {
		return nil, BadConfigf("addresses: [\"http://localhost:9200\"]", "the target has no addresses")
	}
	urls := make([]*url.URL, len(c.Addresses))
	for i, a := range c.Addresses {
		u, err := url.Parse(a)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			return nil, BadConfigf("write it as http://host:9200 or https://host:9200", "address %q is not a URL of a server", redact(a))
		case u.User != nil:
			return nil, BadConfigf("use username and password", "address %q carries credentials", u.Redacted())
		case u.RawQuery != "" || u.Fragment != "":
			return nil, BadConfigf("leave out what comes after the path", "address %q has a query or fragment", a)
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

// Validate says what is wrong with the settings themselves; New also looks at the addresses and
// the files.
func (c Config) Validate() error {
	ways := 0
	for _, set := range []bool{c.Credentials.Username != "" || c.Credentials.Password != "", c.Credentials.APIKey != "", c.Credentials.Bearer != ""} {
		if set {
			ways++
		}
	}
	switch {
	case ways > 1:
		return BadConfigf("keep one of username/password, api_key, bearer", "the target has more than one way to authenticate")
	case (c.Credentials.Username == "") != (c.Credentials.Password == ""):
		return BadConfigf("set both, or neither", "the target has only one of username and password")
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return BadConfigf("set both, or neither", "the target has only one of cert and key")
	case c.Connections < 0 || c.RequestTimeout < 0:
		return BadConfigf("use 0 for the default", "the target has a negative limit")
	}
	return nil
}

// roundTripper is the HTTP transport: sized for as many connections as there are
// writers, so that none is opened and thrown away under load.
func (c Config) roundTripper() (http.RoundTripper, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return nil, BadConfigf("give the PEM file of the authority", "ca: %v", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, BadConfigf("it must begin with -----BEGIN CERTIFICATE-----", "ca: no certificate in %s", c.TLS.CA)
		}
	}
	if c.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return nil, BadConfigf("give PEM files that belong together", "cert %s and key %s: %v", c.TLS.Cert, c.TLS.Key, err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	var proxy func(*http.Request) (*url.URL, error) // of the environment's variables: never
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		if err != nil || u.Host == "" || u.User != nil {
			return nil, BadConfigf("write it as http://host:3128, without credentials", "proxy: not a URL of a proxy")
		}
		proxy = http.ProxyURL(u)
	}
	var rt http.RoundTripper = &http.Transport{
		Proxy:                 proxy,
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
