package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"humpty/sources"
	"humpty/sources/postgres/cdc"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/read"
	"humpty/sources/postgres/session"
)

// Config says what to read, and how gently.
type Config struct {
	DSN     string // URL or key=value form; what it leaves out comes from PG* variables and ~/.pgpass
	ReadDSN string // a streaming replica to read from; DSN where empty

	Changes Changes // how they are told

	Shape     sources.Shape
	LooseKeys bool // keys that are looked up find what PostgreSQL takes for equal, as 7 and 7.00; otherwise only their own text

	MaxConnections   int           // at most this many at once; 4 where 0
	StatementTimeout time.Duration // of each statement; the server's own where 0
	LockTimeout      time.Duration // waiting for a table locked by others; 30 s where 0
	HalfOpenAfter    time.Duration // in the middle of an answer, until the server is asked whether one is to come; 30 s where 0
	MaxRows          int64         // a second, of all tables, while partitions are read; no limit where 0
	MaxBytes         int64         // a second, received while partitions are read; no limit where 0

	NotFinite NotFinite // what becomes of NaN and Infinity
	Memory    int64     // bytes for small tables of `one` includes, all together; 32 MB where 0
	PageBytes int       // bytes of documents read at a time by one reader; 2 MB where 0
	Chunks    int       // how many partitions to plan; 0: by size and readers
}

// Changes says how a source tells what changes. The zero value is logical decoding, by a publication
// that each capture makes and drops.
type Changes struct {
	Publication string           // made by another, and never changed, for logical decoding
	Column      *TimestampColumn // in place of logical decoding
}

// NotFinite is the rule for values that JSON cannot say: NaN, Infinity, and infinite
// dates and timestamps.
type NotFinite string

// The rules; the zero value is Reject.
const (
	Reject NotFinite = "reject" // the document is rejected, with the column's name
	Null   NotFinite = "null"   // the field is null
)

func (c *Config) validate() error {
	if c.Shape.From == "" && c.Shape.Query == "" {
		return errors.New("the document has neither a table (from) nor a query")
	}
	if c.MaxConnections < 0 || c.Memory < 0 || c.PageBytes < 0 || c.Chunks < 0 || c.MaxRows < 0 || c.MaxBytes < 0 {
		return errors.New("max_connections, limits and sizes cannot be negative")
	}
	switch c.NotFinite {
	case "", Reject, Null:
	default:
		return fmt.Errorf("the rule for NaN and Infinity is %q; it can be %q or %q", c.NotFinite, Reject, Null)
	}
	c.MaxConnections = cmp.Or(c.MaxConnections, 4)
	c.LockTimeout = cmp.Or(c.LockTimeout, 30*time.Second)
	c.Memory = cmp.Or(c.Memory, 32<<20)
	c.PageBytes = cmp.Or(c.PageBytes, 2<<20)
	if c.MaxBytes > 0 {
		c.PageBytes = min(c.PageBytes, max(int(c.MaxBytes/read.PagesPerSecond), 1))
	}
	if u := c.Changes.Column; u != nil {
		own := *u
		own.Margin = cmp.Or(own.Margin, cdc.DefaultMargin)
		c.Changes.Column = &own
		if own.Column == "" || own.Margin < 0 {
			return errors.New("the column that tells what was written needs a name, and a margin that is not negative")
		}
	}
	return nil
}

func (c *Config) readDSN() string { return cmp.Or(c.ReadDSN, c.DSN) }

func (c *Config) query() query.Options {
	return query.Options{Shape: c.Shape, LooseKeys: c.LooseKeys, NullNotFinite: c.NotFinite == Null, Memory: c.Memory}
}

func (c *Config) session() session.Options {
	return session.Options{StatementTimeout: c.StatementTimeout, LockTimeout: c.LockTimeout, HalfOpenAfter: c.HalfOpenAfter}
}

// sessionFor is for reading t, with the policies that it was compiled with.
func (c *Config) sessionFor(t *query.Tree) session.Options {
	o := c.session()
	o.Policies = len(t.Policies) > 0
	return o
}
