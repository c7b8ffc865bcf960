package config

import (
	"net/url"
	"strings"

	"humpty/internal/dsn"
)

// Target is where a read model lives.
type Target struct {
	Name   string
	Place  string
	Kind   string // elasticsearch | opensearch | null | ndjson
	Search Search // elasticsearch, opensearch
	Dir    string // ndjson: folder, relative to the working folder
}

// Search is a cluster of Elasticsearch or OpenSearch and how to get in.
type Search struct {
	Addresses   []string
	Username    string
	Password    Secret
	APIKey      Secret
	Bearer      Secret
	CA          string // files, relative to the working folder
	Cert        string
	Key         string
	ClusterUUID string
	Gzip        bool
	Proxy       string // URL; empty: none, whatever the environment says
}

// targetDecoder reads one of targets.
type targetDecoder struct{ *input }

func (d targetDecoder) target(f *field) Target {
	t := Target{Name: f.key, Place: f.place}
	for _, kind := range []string{"elasticsearch", "opensearch", "null", "ndjson"} {
		body := f.value.get(kind)
		if body == nil {
			continue
		}
		t.Kind = kind
		switch kind {
		case "elasticsearch", "opensearch":
			t.Search = d.search(body)
		case "ndjson":
			t.Dir = d.path(body.get("dir"))
		}
	}
	return t
}

func (d targetDecoder) search(n *node) Search {
	s := Search{
		Username:    n.get("username").string(),
		Password:    NewSecret(n.get("password").string()),
		APIKey:      NewSecret(n.get("api_key").string()),
		Bearer:      NewSecret(n.get("bearer").string()),
		CA:          d.path(n.get("ca")),
		Cert:        d.path(n.get("cert")),
		Key:         d.path(n.get("key")),
		ClusterUUID: n.get("cluster_uuid").string(),
		Gzip:        n.get("gzip").bool(),
	}
	authenticates := n.get("password") != nil || n.get("api_key") != nil || n.get("bearer") != nil
	for _, a := range n.get("addresses").list() {
		if text := a.string(); text != "" && d.url(a, "address") {
			s.Addresses = append(s.Addresses, strings.TrimRight(text, "/"))
			d.plain(a, n.get("proxy"), authenticates)
			d.unread(a, n.get("proxy"))
		}
	}
	if proxy := n.get("proxy"); proxy.string() != "" && d.url(proxy, "proxy") {
		s.Proxy = proxy.string()
	}
	d.bothOrNeither(n, "username", "password")
	d.bothOrNeither(n, "cert", "key")
	d.exclusive(n, "username", "api_key", "bearer")
	for _, name := range []string{"password", "api_key", "bearer"} {
		if v := n.get(name); v != nil && !v.loose && !v.reported {
			d.problems.Warn(v.at(), "write "+name+": \"${VAR}\" and export it, or ${file:/path}", "a secret stands in the file")
		}
	}
	return s
}

// plain says where a password or documents cross a network as they are: on the way to a node, or to
// the proxy in front of it.
func (d targetDecoder) plain(n, proxy *node, authenticates bool) {
	u, err := url.Parse(n.string())
	if err != nil || u.Scheme != "http" {
		return
	}
	if proxy.string() != "" {
		if through, err := url.Parse(proxy.string()); err == nil && !dsn.Local(through.Hostname()) {
			u.Host = through.Host
		}
	}
	if dsn.Local(u.Hostname()) {
		return
	}
	switch {
	case authenticates:
		d.unencrypted(n.at(), "write https://", "with http:// the password crosses the network to %s as it is", u.Host)
	case d.encrypt:
		d.unencrypted(n.at(), "write https://", "the connection to %s is unencrypted", u.Host)
	}
}

// unread says that a proxy of the environment is not used: it would see what is sent.
func (d targetDecoder) unread(n, proxy *node) {
	u, err := url.Parse(n.string())
	if err != nil || proxy != nil || dsn.Local(u.Hostname()) {
		return
	}
	for _, name := range []string{strings.ToUpper(u.Scheme) + "_PROXY", u.Scheme + "_proxy"} {
		if value, ok := d.env(name); ok && value != "" {
			d.problems.Warn(n.at(), "if it is meant, write proxy: URL", "%s is set, but only the file says that a proxy is used", name)
			return
		}
	}
}

// url wants the URL of a server. What is wrong is not shown where it may hold a password.
func (d targetDecoder) url(n *node, what string) bool {
	u, err := url.Parse(n.string())
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		d.problems.Add(n.at(), "write http://HOST:PORT or https://HOST:PORT", "this %s is not a URL of a node", what)
	case u.User != nil || strings.Contains(u.Path, "@"):
		d.problems.Add(n.at(), "move them to username and password", "credentials stand in an %s, where they would be printed", what)
	case u.RawQuery != "" || u.Fragment != "":
		d.problems.Add(n.at(), "end it behind the port or a path prefix", "the %s of %s has more than a URL of a node; the rest is not shown, it may hold a key", what, u.Host)
	default:
		return true
	}
	return false
}
