package private

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // a format of the server's file
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// certificate is a key and a certificate that it signed itself, for the loopback
// addresses and for a client alike, in PEM.
func certificate(t *testing.T) (key, cert string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "loader"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// secured is a server with security on, TLS, users, API keys, tokens and client certificates.
type secured struct {
	url       string
	ca        string // file
	cert, key string // files of a client's
	client    *http.Client
	ipv6      string // its URL over IPv6; empty where the machine has none
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	kind := devstack.Kind("elasticsearch-keys")
	key, cert := certificate(t)
	config := []string{
		"cluster.routing.allocation.disk.threshold_enabled: false",
		"xpack.license.self_generated.type: trial", // tokens and certificates are no part of the free one
		"xpack.security.enabled: true",
		"xpack.security.http.ssl.enabled: true",
		"xpack.security.http.ssl.key: server.key",
		"xpack.security.http.ssl.certificate: server.pem",
		"xpack.security.http.ssl.certificate_authorities: [server.pem]",
		"xpack.security.http.ssl.client_authentication: optional",
		"xpack.security.authc.realms.pki.badges: {order: 5, certificate_authorities: [server.pem]}",
		"xpack.security.authc.token.enabled: true",
	}
	six := hasIPv6(t)
	if six {
		config = append(config, `http.bind_host: ["127.0.0.1", "::1"]`, "http.publish_host: 127.0.0.1")
	}
	sum := sha1.Sum([]byte("admin"))
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{kind},
		Config:  map[devstack.Kind][]string{kind: config},
		Files: map[devstack.Kind]map[string]string{kind: {
			"server.key": key, "server.pem": cert,
			"users": "admin:{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n", "users_roles": "superuser:admin\n",
		}},
	})
	dir := t.TempDir()
	s := &secured{url: stack.Addresses().Elasticsearch, ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	for file, text := range map[string]string{s.ca: cert, s.cert: cert, s.key: key} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(cert))
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	if six {
		s.ipv6 = strings.Replace(s.url, "127.0.0.1", "[::1]", 1)
	}
	return s
}

func hasIPv6(t *testing.T) bool {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// admin makes a call as the administrator; anything but success fails the test.
func (s *secured) admin(t *testing.T, method, path string, body, out any) {
	t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", "admin")
	answer := elastictest.Do(t, s.client, req)
	if strings.Contains(answer, `"error"`) {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(answer), out); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
}

// role is what a key or a user may do.
type role struct {
	Cluster []string      `json:"cluster"`
	Indices []indexRights `json:"indices"`
}

// indexRights are rights on some indices.
type indexRights struct {
	Names      []string `json:"names"`
	Privileges []string `json:"privileges"`
}

// apiKey makes a key with a role of its own, and returns its id too.
func (s *secured) apiKey(t *testing.T, may role) (cfg elastic.Config, id string) {
	t.Helper()
	var a struct{ ID, Encoded string }
	s.admin(t, http.MethodPost, "/_security/api_key", map[string]any{"name": devstack.Name(t), "role_descriptors": map[string]role{"r": may}}, &a)
	cfg = s.config()
	cfg.Credentials.APIKey = a.Encoded
	return cfg, a.ID
}

// config is how to come to the server; who one is, is left out.
func (s *secured) config() elastic.Config {
	return elastic.Config{Addresses: []string{s.url}, Alias: "shop", TLS: elastic.TLS{CA: s.ca}}
}
