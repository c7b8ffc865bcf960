package config

import (
	"net/url"
	"path/filepath"
	"strings"

	"humpty/internal/problem"
)

// decoder turns a checked tree into the types, with the checks that need more than
// one key. What is wrong already reads as absent.
type decoder struct {
	file     string
	env      func(string) (string, bool)
	root     *node
	problems problem.List
	joined   []Joined // includes of the present projection that are of another source than their parent's
}

func (d *decoder) config() *Config {
	if v := d.root.get("version"); v.int() > 1 {
		d.problems.Add(v.at(), "write version: 1, or use a newer humpty", "version %s of the file's format is not known", v.string())
	}
	c := &Config{File: d.file, State: d.path(d.root.get("state"))}
	for _, f := range d.root.get("sources").mapped() {
		c.Sources = append(c.Sources, d.source(f))
	}
	for _, f := range d.root.get("targets").mapped() {
		c.Targets = append(c.Targets, d.target(f))
	}
	for _, f := range d.root.get("projections").mapped() {
		c.Projections = append(c.Projections, d.projection(f))
	}
	d.sharedAliases(c)
	return c
}

func (d *decoder) source(f *field) Source {
	pg := f.value.get("postgres")
	for _, name := range []string{"dsn", "read_dsn"} {
		if v := pg.get(name); v != nil && !v.loose && dsnHasPassword(v.string()) {
			d.problems.Warn(v.at(), "write "+name+": \"${VAR}\" and export it, or use .pgpass", "a password stands in the file")
		}
	}
	return Source{Name: f.key, Place: f.place, Kafka: d.kafka(f.value.get("kafka")), Postgres: Postgres{
		DSN:              NewSecret(pg.get("dsn").string()),
		ReadDSN:          NewSecret(pg.get("read_dsn").string()),
		MaxConnections:   int(pg.get("max_connections").int()),
		StatementTimeout: pg.get("statement_timeout").duration(),
		LockTimeout:      pg.get("lock_timeout").duration(),
		MaxRows:          pg.get("max_rows_per_second").int(),
		MaxBytes:         pg.get("max_bytes_per_second").size(),
		Memory:           pg.get("memory").size(),
	}}
}

func (d *decoder) target(f *field) Target {
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

func (d *decoder) search(n *node) Search {
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
	d.together(n, "username", "password")
	d.together(n, "cert", "key")
	d.exclusive(n, "username", "api_key", "bearer")
	for _, name := range []string{"password", "api_key", "bearer"} {
		if v := n.get(name); v != nil && !v.loose && !v.reported {
			d.problems.Warn(v.at(), "write "+name+": \"${VAR}\" and export it, or ${file:/path}", "a secret stands in the file")
		}
	}
	return s
}

func (d *decoder) address(n *node) bool {
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

// together wants both keys or none.
func (d *decoder) together(n *node, a, b string) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		if has := n.field(pair[0]); has != nil && n.field(pair[1]) == nil {
			d.problems.Add(has.place, "add "+pair[1]+": …", "%s is there without %s", pair[0], pair[1])
		}
	}
}

// exclusive wants at most one of the keys.
func (d *decoder) exclusive(n *node, keys ...string) {
	var first *field
	for _, k := range keys {
		f := n.field(k)
		switch {
		case f != nil && first != nil:
			d.problems.Add(f.place, "keep one of the two", "%s and %s exclude each other", first.key, f.key)
		case f != nil:
			first = f
		}
	}
}

// path resolves a file name against the folder of the configuration.
func (d *decoder) path(n *node) string {
	p := n.string()
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(d.file), p)
}
