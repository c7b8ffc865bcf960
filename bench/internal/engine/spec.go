package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"humpty/internal/config"
	"humpty/internal/testenv/shop"
	"humpty/projector"
	"humpty/sources/postgres"
)

// Spec says what to run. What is zero is the engine's own choice.
type Spec struct {
	DSN         string
	Shape       shop.Shape
	Target      string // null | elasticsearch | opensearch
	Search      string // URL
	Alias       string
	Connections int // of max_connections; one of them only holds the snapshot
	Bulk
	Level    projector.Level
	Live     bool          // capture what is written beside it, and catch up
	LoadOnly bool          // read what the servers use in the load alone
	Query    bool          // let PostgreSQL build the JSON
	Do       string        // "": a rebuild
	Events   Events        // of Fold
	Settle   time.Duration // of Verify and Repair
}

// Bulk is how documents are written.
type Bulk struct {
	Writers  int
	Batch    int // bytes
	InFlight int64
	Shards   int
}

// model is the read model of a spec in the engine's terms.
type model struct {
	projection projector.Projection
	source     postgres.Config
}

// model reads the shop's own humpty.yaml, so that the definition measured is the one that
// the demo and the tests use.
func (s Spec) model() (m model, err error) {
	dir, err := os.MkdirTemp("", "humpty-bench-")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	place := shop.Place{Postgres: s.DSN, Search: s.Search, Product: s.Target, Alias: s.Alias}
	if s.Search == "" { // the file needs a target; it is not used
		place.Search, place.Product = "http://127.0.0.1:9200", "elasticsearch"
	}
	name, err := shop.WriteConfig(dir, s.Shape, place)
	if err != nil {
		return m, err
	}
	c, err := config.Load(name, config.Options{})
	if err != nil {
		return m, fmt.Errorf("the shop's own configuration: %w", err)
	}
	p, err := c.Projection("")
	if err != nil {
		return m, err
	}
	index, err := withShards(p.Index, s.Shards)
	if err != nil {
		return m, err
	}
	if s.Query {
		if p.Document, err = s.byQuery(p.Document); err != nil {
			return m, err
		}
	}
	from := c.Source(p.Source).Postgres
	m.source = postgres.Config{
		DSN: s.DSN, Shape: p.Document, MaxConnections: from.MaxConnections, Memory: from.Memory,
		StatementTimeout: from.StatementTimeout, LockTimeout: from.LockTimeout, NotFinite: postgres.NotFinite(p.NotFinite),
	}
	if s.Connections > 0 {
		m.source.MaxConnections = s.Connections
	}
	m.projection = projector.Projection{
		Name: p.Name, Alias: p.Alias, Index: index, Hash: p.Hash, Versions: p.Versions, Keep: p.Keep,
		Verify: projector.VerifyPolicy{Level: s.Level, Budget: p.Verify.Budget},
		Limits: projector.Limits{
			Rejections: p.Limits.Rejections, InFlight: p.Limits.InFlight, Writers: p.Limits.Writers, Batch: int(p.Limits.Batch),
		},
	}
	s.limit(&m.projection.Limits)
	return m, nil
}

func (s Spec) limit(l *projector.Limits) {
	if s.Writers > 0 {
		l.Writers = s.Writers
	}
	if s.Batch > 0 {
		l.Batch = s.Batch
	}
	if s.InFlight > 0 {
		l.InFlight = s.InFlight
	}
}

// withShards replaces number_of_shards in an index definition.
func withShards(index json.RawMessage, shards int) (json.RawMessage, error) {
	if shards == 0 {
		return index, nil
	}
	var d struct {
		Settings map[string]any  `json:"settings"`
		Mappings json.RawMessage `json:"mappings"`
	}
	if err := json.Unmarshal(index, &d); err != nil {
		return nil, fmt.Errorf("the shop's index definition: %w", err)
	}
	d.Settings["number_of_shards"] = shards
	return json.Marshal(d)
}

// Serve is the process that is measured: it reads a spec, runs it, and writes the outcome.
func Serve(in io.Reader, out io.Writer, run func(Spec) (Outcome, error)) error {
	var s Spec
	if err := json.NewDecoder(in).Decode(&s); err != nil {
		return fmt.Errorf("engine: read what to run from stdin: %w", err)
	}
	o, err := run(s)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// withDefaults takes the number of copies out of an index definition.
func withDefaults(index json.RawMessage) (json.RawMessage, error) {
	var d struct {
		Settings map[string]any  `json:"settings"`
		Mappings json.RawMessage `json:"mappings"`
	}
	if err := json.Unmarshal(index, &d); err != nil {
		return nil, fmt.Errorf("the shop's index definition: %w", err)
	}
	d.Settings = map[string]any{"number_of_shards": d.Settings["number_of_shards"]}
	return json.Marshal(d)
}
