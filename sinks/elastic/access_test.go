package elastic_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// TestTLS puts a proxy with TLS, which wants a client's certificate and a password, before
// the server.
func TestTLS(t *testing.T) {
	onBothProducts(t, behindTLS)
}

func behindTLS(t *testing.T, server string) {
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization")
		forward.ServeHTTP(w, r)
	}))
	proxy.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	proxy.Config.ErrorLog = discardLog()
	proxy.StartTLS()
	defer proxy.Close()
	dir := t.TempDir()
	ca, cert, private := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	own := proxy.TLS.Certificates[0]
	secret, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		ca: {Type: "CERTIFICATE", Bytes: own.Certificate[0]}, cert: {Type: "CERTIFICATE", Bytes: own.Certificate[0]}, private: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alias := elastictest.Alias(t, server)
	cfg := elastic.Config{Addresses: []string{proxy.URL, strings.Replace(proxy.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)}, Alias: alias, TLS: elastic.TLS{CA: ca, Cert: cert, Key: private}, Credentials: elastic.Credentials{Username: "u", Password: "p"}}
	index, _ := elastictest.Generation(t, elastictest.Target(t, cfg), alias, "")
	if _, err := index.Write(t.Context(), elastictest.Batch(5, 1), make([]sinks.Verdict, 5)); err != nil {
		t.Error(err)
	}
	cfg.TLS.CA = ""
	_, err = elastic.Dial(t.Context(), cfg)
	elastictest.WantError(t, err, elastic.Unreachable, "certificate signed by unknown authority", "ca")
	cfg.TLS = elastic.TLS{CA: ca}
	_, err = elastic.Dial(t.Context(), cfg)
	elastictest.WantError(t, err, elastic.Unreachable, "certificate required")
}

// TestNodes: an address where nobody answers costs retries, no documents.
func TestNodes(t *testing.T) {
	t.Parallel()
	server := devstack.Elasticsearch(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	alias := elastictest.Alias(t, server)
	index, _ := elastictest.Generation(t, elastictest.Target(t, elastic.Config{Addresses: []string{dead.URL, server}, Alias: alias}), alias, "")
	for range 10 {
		verdicts := make([]sinks.Verdict, 5)
		if _, err := index.Write(t.Context(), elastictest.Batch(5, 1), verdicts); err != nil || verdicts[4].Outcome != sinks.Written {
			t.Fatalf("%v, %+v", err, verdicts)
		}
	}
}

// TestCredentials is how each way to authenticate looks on the wire.
func TestCredentials(t *testing.T) {
	t.Parallel()
	got := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	for want, credentials := range map[string]elastic.Credentials{
		"Basic dTpw": {Username: "u", Password: "p"}, "ApiKey abc": {APIKey: "abc"}, "Bearer tok": {Bearer: "tok"}, "": {},
	} {
		cfg := elastic.Config{Addresses: []string{server.URL}, Alias: "a", Credentials: credentials}
		_, err := elastic.Dial(t.Context(), cfg)
		elastictest.WantError(t, err, elastic.Rights, "does not accept the credentials")
		if !strings.EqualFold(got, want) { // the scheme has no case
			t.Errorf("Authorization %q, want %q", got, want)
		}
	}
}

// TestHTTPProxy: a proxy is used where the configuration names it, and never because the
// environment does: it would see the Authorization header. The environment is read once by a
// process, so it takes another one.
func TestHTTPProxy(t *testing.T) {
	const away = "http://search.invalid:9200"
	if alias := os.Getenv("HUMPTY_TEST_PROXIED"); alias != "" {
		if _, err := elastic.Dial(t.Context(), elastic.Config{Addresses: []string{away}, Alias: alias}); err == nil {
			t.Error("the address was reached")
		}
		target := elastictest.Target(t, elastic.Config{Addresses: []string{away}, Alias: alias, Proxy: os.Getenv("HUMPTY_TEST_PROXY")})
		index, _ := elastictest.Generation(t, target, alias, "")
		if _, err := index.Write(t.Context(), elastictest.Batch(5, 1), make([]sinks.Verdict, 5)); err != nil {
			t.Error(err)
		}
		return
	}
	t.Parallel()
	to, err := url.Parse(devstack.Elasticsearch(t))
	if err != nil {
		t.Fatal(err)
	}
	var asked, sniffed atomic.Int64
	through := func(seen *atomic.Int64) *httptest.Server {
		return httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			if r.In.URL.Host == "search.invalid:9200" {
				seen.Add(1)
			}
			r.SetURL(to)
		}})
	}
	proxy, other := through(&asked), through(&sniffed)
	defer proxy.Close()
	defer other.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHTTPProxy$")
	cmd.Env = append(os.Environ(), "HTTP_PROXY="+other.URL, "http_proxy="+other.URL, "NO_PROXY=", "no_proxy=",
		"HUMPTY_TEST_PROXY="+proxy.URL, "HUMPTY_TEST_PROXIED="+elastictest.Alias(t, to.String()))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	if asked.Load() == 0 || sniffed.Load() != 0 {
		t.Errorf("the proxy of the configuration was asked %d times, that of the environment %d times", asked.Load(), sniffed.Load())
	}
}
