package config

import (
	"net/url"
	"strings"
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
	for _, a := range n.get("addresses").list() {
		if text := a.string(); text != "" && d.address(a) {
			s.Addresses = append(s.Addresses, strings.TrimRight(text, "/"))
		}
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

func (d targetDecoder) address(n *node) bool {
	u, err := url.Parse(n.string())
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		d.problems.Add(n.at(), "write http://HOST:PORT or https://HOST:PORT", "this address is not a URL of a node")
	case u.User != nil:
		d.problems.Add(n.at(), "move them to username and password", "credentials stand in an address, where they would be printed")
	case u.RawQuery != "" || u.Fragment != "":
		d.problems.Add(n.at(), "end it behind the port or a path prefix", "the address %s has more than a URL of a node", n.string())
	default:
		return true
	}
	return false
}
