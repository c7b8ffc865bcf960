package config

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"humpty/internal/dsn"
)

// Source is one system of record.
type Source struct {
	Name     string
	Place    string
	Postgres Postgres
	Kafka    *Kafka // then it is one, and not PostgreSQL
}

// Postgres is a PostgreSQL database. A zero timeout means the server's own.
type Postgres struct {
	DSN              Secret
	ReadDSN          Secret // zero: DSN
	Publication      string // made by another; empty: live runs make their own
	MaxConnections   int
	StatementTimeout time.Duration
	LockTimeout      time.Duration
	MaxRows          int64 // a second; 0: no limit
	MaxBytes         int64 // a second; 0: no limit
	Memory           int64 // bytes for small tables held while reading
}

// Kafka is a Kafka cluster.
type Kafka struct {
	Brokers  []string
	TLS      *TLS // nil: none
	Encrypt  bool // without TLS only brokers of this machine are spoken to
	SASL     SASL
	Readers  int
	Fetch    int64 // bytes
	Patience time.Duration
	Memory   int64  // bytes of events in memory
	Spill    string // folder, relative to the working folder; empty: the system's
}

// TLS says whom to trust and who we are. The zero value trusts the system's authorities.
type TLS struct {
	CA, Cert, Key string // files, relative to the working folder
	ServerName    string
}

// SASL is a user; no mechanism: none.
type SASL struct {
	Mechanism string // PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512
	Username  string
	Password  Secret
}

// sourceDecoder reads one of sources.
type sourceDecoder struct{ *input }

func (d sourceDecoder) source(f *field) Source {
	pg := f.value.get("postgres")
	for _, name := range []string{"dsn", "read_dsn"} {
		d.dsn(pg.get(name), name)
	}
	return Source{Name: f.key, Place: f.place, Kafka: d.kafka(f.value.get("kafka")), Postgres: Postgres{
		DSN:              NewSecret(pg.get("dsn").string()),
		ReadDSN:          NewSecret(pg.get("read_dsn").string()),
		Publication:      d.publication(pg.get("publication")),
		MaxConnections:   int(pg.get("max_connections").int()),
		StatementTimeout: pg.get("statement_timeout").duration(),
		LockTimeout:      pg.get("lock_timeout").duration(),
		MaxRows:          pg.get("max_rows_per_second").int(),
		MaxBytes:         pg.get("max_bytes_per_second").size(),
		Memory:           pg.get("memory").size(),
	}}
}

// dsn refuses a connection string whose password was taken for something else, and says
// where a password is open to others. It never shows the text: that may be the password.
// What the driver cannot read is refused where the source is used: it may name a file or a
// service that only another machine has.
func (d sourceDecoder) dsn(n *node, name string) {
	if n == nil || n.reported || n.string() == "" {
		return
	}
	if !n.loose && dsn.HasPassword(n.string()) {
		d.problems.Warn(n.at(), "write "+name+": \"${VAR}\" and export it, or use .pgpass", "a password stands in the file")
	}
	s, err := dsn.Parse(n.string())
	switch {
	case err != nil: // said where it is used
	case s.Misplaced():
		d.problems.Add(n.at(), "in a URL write @ as %40, / as %2F, : as %3A and ? as %3F within a password",
			"the %s has an @ where a host or a database is expected, or a colon in the user; its text is not shown, it may be a part of the password", name)
	default:
		for _, host := range s.Unencrypted() {
			d.unencrypted(n.at(), "add sslmode=verify-full, with sslrootcert=FILE where the authority is your own",
				"the connection to %s may be unencrypted: what is read can be seen on the way, and changed", host)
		}
	}
}

// publication refuses the names that live runs give to their own: prune drops those.
func (d sourceDecoder) publication(n *node) string {
	name := n.string()
	switch {
	case strings.HasPrefix(name, "humpty_"):
		d.problems.Add(n.at(), "ALTER PUBLICATION \""+strings.ReplaceAll(name, `"`, `""`)+"\" RENAME TO for_humpty;  and write publication: for_humpty", "publication %q has a name as live runs give to their own: `humpty prune` would drop it", name)
	case len(name) > 63:
		d.problems.Add(n.at(), "write the name as pg_publication has it", "publication %q is longer than any name in PostgreSQL (63 bytes)", name)
	}
	return name
}

func (d sourceDecoder) kafka(n *node) *Kafka {
	if n == nil {
		return nil
	}
	k := &Kafka{
		Readers: int(n.get("readers").int()), Fetch: n.get("fetch").size(), Patience: n.get("patience").duration(),
		Memory: n.get("memory").size(), Spill: d.path(n.get("spill")),
	}
	for _, b := range n.get("brokers").list() {
		if text := b.string(); text != "" && d.broker(b) {
			k.Brokers = append(k.Brokers, text)
		}
	}
	if t := n.get("tls"); t.bool() || t != nil && t.kind == mapping {
		k.TLS = &TLS{
			CA: d.path(t.get("ca")), Cert: d.path(t.get("cert")), Key: d.path(t.get("key")),
			ServerName: t.get("server_name").string(),
		}
		d.bothOrNeither(t, "cert", "key")
	}
	s := n.get("sasl")
	k.SASL = SASL{Mechanism: s.get("mechanism").string(), Username: s.get("username").string(), Password: NewSecret(s.get("password").string())}
	if v := s.get("password"); v != nil && !v.loose && !v.reported {
		d.problems.Warn(v.at(), "write password: \"${VAR}\" and export it, or ${file:/path}", "a secret stands in the file")
	}
	k.Encrypt = d.encrypt
	remote := slices.ContainsFunc(k.Brokers, func(b string) bool {
		host, _, _ := net.SplitHostPort(b)
		return !dsn.Local(host)
	})
	switch {
	case k.TLS != nil:
	case k.SASL.Mechanism == "PLAIN": // a local broker may name others that are not
		d.unencrypted(s.at(), "add tls: true, or use SCRAM-SHA-512", "with PLAIN and without tls the password crosses the network as it is")
	case remote && k.SASL.Mechanism != "":
		d.unencrypted(s.at(), "add tls: true", "with %s and without tls the password can be guessed by who reads along, and the events are read as they are", k.SASL.Mechanism)
	case remote && d.encrypt:
		d.unencrypted(n.at(), "add tls: true", "the connections to the brokers are unencrypted")
	}
	return k
}

// broker wants the address of one. What is none is not shown: it may hold a password.
func (d sourceDecoder) broker(n *node) bool {
	host, port, err := net.SplitHostPort(n.string())
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err == nil && portErr == nil && host != "" && number > 0 && !strings.ContainsAny(host, "/@?#") {
		return true
	}
	d.problems.Add(n.at(), "write HOST:PORT, for example localhost:9092, without credentials: they belong into sasl", "this is no address of a broker; it is not shown, it may hold a password")
	return false
}
