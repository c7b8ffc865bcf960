package config

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"humpty/internal/problem"
	"humpty/sources"
)

// Config is a checked file.
type Config struct {
	File        string // as it was named
	State       string // folder of the runs' state, relative to the working folder; empty: by default
	Sources     []Source
	Targets     []Target
	Projections []Projection
	Settings    []Setting    // every value in force, in the file's order
	Warnings    problem.List // worth saying, no reason to stop
}

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
	MaxConnections   int
	StatementTimeout time.Duration
	LockTimeout      time.Duration
	MaxRows          int64 // a second; 0: no limit
	MaxBytes         int64 // a second; 0: no limit
	Memory           int64 // bytes for small tables held while reading
}

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

// Projection is the definition of one read model.
type Projection struct {
	Name     string
	Place    string
	Source   string
	Target   string
	Alias    string
	Index    json.RawMessage // settings and mappings, as the target takes them
	Versions string          // class
	Infinite string          // what becomes of NaN and Infinity: reject | null
	Live     bool            // what others write while the source is read is caught up with
	CatchUp  *CatchUp        // how, without logical decoding; nil: by that
	Writer   string          // handover | freeze | follow: who writes besides a rebuild
	Feed     bool            // follow: the generation before is fed too
	Verify   Verify
	Limits   Limits
	Filling  Filling
	Keep     int // generations besides the live one
	Priority int // the highest come first where several are rebuilt
	Document sources.Shape
	Events   *Events  // the document is made of events, not of Document
	Joined   []Joined // includes from another source than their parent's
	Hash     string   // of what makes the documents and the index; not of connections and limits

	Definition json.RawMessage // what Hash is of
}

// CatchUp is how changes are told by a column.
type CatchUp struct {
	Updated string        // the column
	Margin  time.Duration // how late a row may become visible after its time
}

// Verify says how a generation is proven before the swap.
type Verify struct {
	Level   string        // count | sample | full
	Budget  time.Duration // of a full comparison; 0: no limit
	Ignore  []string      // fields that may differ
	Queries []Query
}

// Query is a search that a generation must answer as expected.
type Query struct {
	Name        string
	Place       string
	Body        json.RawMessage
	MinHits     int64
	MaxHits     int64 // -1: any number
	MustInclude []string
	MaxLatency  time.Duration // 0: any
}

// Limits of a run.
type Limits struct {
	Rejections int64
	Poison     int64
	InFlight   int64 // bytes
	Writers    int
	Batch      int64                 // bytes
	Rate       int64                 // bytes/s; 0: no limit
	Brake      map[int]time.Duration // by percentile of searches; nil: none
	MaxOutage  time.Duration         // how long a server that went away is waited for
}

// Filling is how the target's index is filled.
type Filling struct {
	MaxSegments int               // 0: segments are left as they are
	Nodes       map[string]string // attributes of the nodes to load on; nil: any
}

// Options of Load. The zero value reads the process's environment.
type Options struct {
	Env       func(string) (string, bool) // os.LookupEnv if nil
	Overrides []Override
}

// Load reads and checks a file. A non-nil error is a problem.List with everything that
// is wrong, also when the file cannot be read.
func Load(file string, opts Options) (*Config, error) {
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	data, err := os.ReadFile(file)
	if err != nil {
		var l problem.List
		l.Add(file, "name it with --config or HUMPTY_CONFIG; `humpty help config` shows a small one", "cannot read the configuration: %v", plainCause(err))
		return nil, l
	}
	return read(file, data, opts)
}

func read(file string, data []byte, opts Options) (*Config, error) {
	root, problems := parse(file, data)
	if root == nil {
		return nil, problems
	}
	problems = append(problems, expand(root, filepath.Dir(file), opts.Env)...)
	override(root, opts.Overrides)
	c := &checker{problems: problems}
	c.check(root, grammar(), "")
	d := &decoder{file: file, env: opts.Env, root: root, problems: c.problems}
	out := d.config()
	out.Settings = c.settings
	out.Warnings = d.problems.Warnings()
	if err := d.problems.Err(); err != nil {
		return nil, sorted(d.problems.Errors())
	}
	return out, nil
}

// Projection finds a projection by name; an empty name is the only one there is.
func (c *Config) Projection(name string) (Projection, error) {
	var all []string
	for _, p := range c.Projections {
		if p.Name == name || name == "" && len(c.Projections) == 1 {
			return p, nil
		}
		all = append(all, p.Name)
	}
	var l problem.List
	if name == "" {
		l.Add(c.File, didYouMean("", all), "there are %d projections: say which one", len(all))
	} else {
		l.Add(c.File, didYouMean(name, all), "there is no projection %q", name)
	}
	return Projection{}, l
}

// InOrder are the projections as `humpty rebuild --all` takes them: those with the highest
// priority first, equal ones in the file's order.
func (c *Config) InOrder() []Projection {
	all := slices.Clone(c.Projections)
	slices.SortStableFunc(all, func(a, b Projection) int { return cmp.Compare(b.Priority, a.Priority) })
	return all
}

// Reads are the names of the sources that a projection reads from, each once.
func (p Projection) Reads() []string {
	all := []string{p.Source}
	if p.Events != nil {
		all = append(all, p.Events.Source)
	}
	for _, j := range p.Joined {
		if all = append(all, j.Source); j.Events != nil {
			all = append(all, j.Events.Source)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}

// Source finds a source by name; projections name only what is there.
func (c *Config) Source(name string) Source {
	for _, s := range c.Sources {
		if s.Name == name {
			return s
		}
	}
	return Source{}
}

// Target finds a target by name; projections name only what is there.
func (c *Config) Target(name string) Target {
	for _, t := range c.Targets {
		if t.Name == name {
			return t
		}
	}
	return Target{}
}

// ProjectionNames lists the projections of a file, for a shell's completion: it asks for
// no variables, and gives nothing where the file cannot be read.
func ProjectionNames(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	root, _ := parse(file, data)
	return keys(root.get("projections"))
}
