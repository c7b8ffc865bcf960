package elastic_test

import (
	"crypto/sha1" //nolint:gosec // a format of the server's file
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
)

// TestSecured has a server of its own, with users and rights, that it may kill.
func TestSecured(t *testing.T) {
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindElasticsearch},
		Config: map[devstack.Kind][]string{devstack.KindElasticsearch: {
			"xpack.security.enabled: true",
			"cluster.routing.allocation.disk.threshold_enabled: false",
			"resource.reload.interval.high: 500ms",
		}},
	})
	url := stack.Addresses().Elasticsearch
	a := &accounts{url: url, dir: filepath.Join(stack.Dir(), string(devstack.KindElasticsearch), "config")}
	t.Run("Rights", func(t *testing.T) { enough(t, a) })
	t.Run("Refused", func(t *testing.T) { tooLittle(t, a) })
	t.Run("Revoked", func(t *testing.T) { revoked(t, a) })
	t.Run("Restart", func(t *testing.T) { restarted(t, stack, a) })
}

// accounts are written into the server's own files: its build cannot store users or keys.
type accounts struct {
	url string
	dir string // the server's configuration
}

// account is a name, which is also the password, and the privileges of its role.
func (a *accounts) add(t *testing.T, name, cluster, indices string) {
	t.Helper()
	sum := sha1.Sum([]byte(name))
	a.append(t, "roles.yml", name+": {cluster: ["+cluster+"], indices: ["+indices+"]}\n")
	a.append(t, "users_roles", name+":"+name+"\n")
	a.append(t, "users", name+":{SHA}"+base64.StdEncoding.EncodeToString(sum[:])+"\n")
	a.until(t, name, http.StatusOK)
}

func (a *accounts) append(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join(a.dir, file)
	was, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(was, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// until waits for the server to read its files again.
func (a *accounts) until(t *testing.T, name string, status int) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/_security/_authenticate", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(name, name)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == status && (status != http.StatusOK || strings.Contains(string(answer), `"roles":["`+name)) {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
		}
	}
}

// as is how an account reaches the server.
func (a *accounts) as(name string) elastic.Config {
	return elastic.Config{Addresses: []string{a.url}, Alias: "shop", Username: name, Password: name}
}

// documented is what the message of a 403 asks for.
const documented = `{names: [shop, 'shop-*'], privileges: [create_index, write, read, view_index_metadata, manage]}, {names: [humpty-leases], privileges: [create_index, write, read, view_index_metadata]}`

// enough goes through a rebuild with the documented rights and no others.
func enough(t *testing.T, a *accounts) {
	a.add(t, "enough", "monitor", documented)
	cfg := a.as("enough")
	cfg.MaxSegments = 1
	target := target(t, cfg)
	lease, err := target.Acquire(t.Context(), sinks.Owner{Run: "r"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	index, name := generation(t, target, "shop", `{"settings":{"number_of_replicas":0}}`)
	if _, err := index.Write(t.Context(), batch(5, 1), make([]sinks.Verdict, 5)); err != nil {
		t.Fatal(err)
	}
	if err := index.Seal(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n, err := index.Count(t.Context()); n != 5 || err != nil {
		t.Errorf("%d documents (%v), want 5", n, err)
	}
	if err := index.Scan(t.Context(), 0, 1, func([]sinks.Document) error { return nil }); err != nil {
		t.Error(err)
	}
	survey, err := target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change, err := survey.SwapTo(name, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Swap(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Latency(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := target.Pressure(t.Context()); err != nil {
		t.Error(err)
	}
	if err := target.Release(t.Context(), lease); err != nil {
		t.Error(err)
	}
}

func tooLittle(t *testing.T, a *accounts) {
	wrong := a.as("enough")
	wrong.Password = "wrong"
	_, err := elastic.Dial(t.Context(), wrong)
	wants(t, err, elastic.Rights, "does not accept the credentials", "check username and password")
	key := elastic.Config{Addresses: []string{a.url}, Alias: "shop", APIKey: "bm86bm8="}
	_, err = elastic.Dial(t.Context(), key)
	wants(t, err, elastic.Rights, "does not accept the credentials")
	a.add(t, "blind", "", "")
	_, err = elastic.Dial(t.Context(), a.as("blind"))
	wants(t, err, elastic.Rights, "cluster:monitor", "grant the account these rights", "cluster: monitor")
	a.add(t, "reader", "monitor", "{names: [shop, 'shop-*'], privileges: [read, view_index_metadata]}")
	reader := target(t, a.as("reader"))
	if _, err := reader.Survey(t.Context()); err != nil {
		t.Errorf("a reader may not look: %v", err)
	}
	_, err = reader.Create(t.Context(), sinks.Generation{Name: "shop-1", Meta: sinks.Meta{Alias: "shop"}})
	wants(t, err, elastic.Rights, "create index shop-1", "indices shop and shop-*: create_index")
	_, err = reader.Acquire(t.Context(), sinks.Owner{Run: "r"}, time.Minute)
	wants(t, err, elastic.Rights, "lease", "indices humpty-leases: create_index")
}

func revoked(t *testing.T, a *accounts) {
	a.add(t, "fired", "monitor", documented)
	target := target(t, a.as("fired"))
	index, err := target.Create(t.Context(), sinks.Generation{Name: "shop-revoked", Meta: sinks.Meta{Alias: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	users, err := os.ReadFile(filepath.Join(a.dir, "users"))
	if err != nil {
		t.Fatal(err)
	}
	without := regexp.MustCompile(`(?m)^fired:.*\n`).ReplaceAll(users, nil)
	if err := os.WriteFile(filepath.Join(a.dir, "users"), without, 0o644); err != nil {
		t.Fatal(err)
	}
	a.until(t, "fired", http.StatusUnauthorized)
	_, err = index.Write(t.Context(), batch(5, 1), make([]sinks.Verdict, 5))
	wants(t, err, elastic.Rights, "write to index shop-revoked: 5 documents are without a verdict", "does not accept the credentials")
}

// restarted kills the server during the load: the writes go on when it is back, but what
// it had acknowledged is in doubt, and the seal says so.
func restarted(t *testing.T, stack *devstack.Stack, a *accounts) {
	target := target(t, a.as("enough"))
	index, err := target.Create(t.Context(), sinks.Generation{Name: "shop-restart", Meta: sinks.Meta{Alias: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.Write(t.Context(), batch(50, 1), make([]sinks.Verdict, 50)); err != nil {
		t.Fatal(err)
	}
	if err := stack.Kill(devstack.KindElasticsearch); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	verdicts := make([]sinks.Verdict, 100)
	group.Go(func() error {
		_, err := index.Write(t.Context(), batch(100, 1), verdicts)
		return err
	})
	if err := stack.Start(t.Context(), devstack.KindElasticsearch); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Outcome != sinks.Written {
			t.Errorf("document %d: %+v", i, v)
		}
	}
	wants(t, index.Seal(t.Context(), nil), elastic.Failed, "index shop-restart was restarted during the load", "may be gone")
}

// TestTLS puts a proxy with TLS, which wants a client's certificate, before the server.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := devstack.Elasticsearch(t)
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(to))
	proxy.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	proxy.Config.ErrorLog = quiet()
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
	alias := alias(t, server)
	cfg := elastic.Config{Addresses: []string{proxy.URL, strings.Replace(proxy.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)}, Alias: alias, CA: ca, Cert: cert, Key: private}
	index, _ := generation(t, target(t, cfg), alias, "")
	if _, err := index.Write(t.Context(), batch(5, 1), make([]sinks.Verdict, 5)); err != nil {
		t.Error(err)
	}
	cfg.CA = ""
	_, err = elastic.Dial(t.Context(), cfg)
	wants(t, err, elastic.Unreachable, "certificate signed by unknown authority", "ca")
	cfg.CA, cfg.Cert, cfg.Key = ca, "", ""
	_, err = elastic.Dial(t.Context(), cfg)
	wants(t, err, elastic.Unreachable, "certificate required")
}

// TestNodes: an address where nobody answers costs retries, no documents.
func TestNodes(t *testing.T) {
	t.Parallel()
	server := devstack.Elasticsearch(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	alias := alias(t, server)
	index, _ := generation(t, target(t, elastic.Config{Addresses: []string{dead.URL, server}, Alias: alias}), alias, "")
	for range 10 {
		verdicts := make([]sinks.Verdict, 5)
		if _, err := index.Write(t.Context(), batch(5, 1), verdicts); err != nil || verdicts[4].Outcome != sinks.Written {
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
	for want, cfg := range map[string]elastic.Config{
		"Basic dTpw": {Username: "u", Password: "p"}, "ApiKey abc": {APIKey: "abc"}, "Bearer tok": {Bearer: "tok"}, "": {},
	} {
		cfg.Addresses, cfg.Alias = []string{server.URL}, "a"
		_, err := elastic.Dial(t.Context(), cfg)
		wants(t, err, elastic.Rights, "does not accept the credentials")
		if !strings.EqualFold(got, want) { // the scheme has no case
			t.Errorf("Authorization %q, want %q", got, want)
		}
	}
}
