package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"humpty/internal/marks"
	"humpty/projector"
	"humpty/projector/observe"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources/postgres"
)

// Place is where histories happen. The PostgreSQL server should be nobody else's: a slot
// waits for the transactions of every database.
type Place struct {
	Postgres      string // DSN of a user who may create databases
	Elasticsearch string // http://host:port
	Name          string // begins the names of what is made, all of which is dropped again
}

// world is one history's.
type world struct {
	Place
	seed   uint64
	mode   projector.Writer
	rng    *rand.Rand
	schema *schema

	dsn, es, alias string
	dir            string // of the marks
	late           *late
	target         *elastic.Target
	source         *postgres.Source
	events         atomic.Int64
}

func newWorld(ctx context.Context, p Place, seed uint64, mode projector.Writer) (*world, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(mode[1])))
	w := &world{Place: p, seed: seed, mode: mode, rng: rng, schema: newSchema(rng), es: p.Elasticsearch}
	w.alias = fmt.Sprintf("%s-%s-%d", p.Name, mode, seed)
	var err error
	if w.dir, err = os.MkdirTemp("", "humpty-chaos-"); err != nil {
		return nil, err
	}
	admin, err := pgx.Connect(ctx, p.Postgres)
	if err != nil {
		return w, err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	config := admin.Config().Copy()
	config.Database = strings.ReplaceAll(w.alias, "-", "_")
	if _, err := admin.Exec(ctx, "create database "+pgx.Identifier{config.Database}.Sanitize()); err != nil {
		return w, err
	}
	w.dsn = fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable", config.Host, config.Port, config.User, config.Database)
	if config.Password != "" {
		w.dsn += " password=" + config.Password
	}
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		return w, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, w.schema.create()+w.schema.fill(), pgx.QueryExecModeSimpleProtocol); err != nil {
		return w, fmt.Errorf("create the tables: %w", err)
	}
	return w, w.connect(ctx)
}

func (w *world) connect(ctx context.Context) (err error) {
	wrap := func(next http.RoundTripper) http.RoundTripper {
		w.late = &late{next: next, rng: rand.New(rand.NewPCG(w.seed, 2))}
		return w.late
	}
	w.target, err = elastic.Dial(ctx, elastic.Config{Addresses: []string{w.es}, Alias: w.alias, Wrap: wrap})
	if err != nil {
		return err
	}
	w.source, err = postgres.New(postgres.Config{DSN: w.dsn, Shape: w.schema.shape, MaxConnections: 4, PageBytes: 4 << 10})
	return err
}

// id is a run's. Other histories may share the server, and slots are named after runs.
func (w *world) id(run string) string { return fmt.Sprintf("%d-%s-%s", w.seed, w.mode, run) }

func (w *world) marks(run string) (*marks.Store, error) {
	return marks.Open(filepath.Join(w.dir, run), marks.Options{})
}

func (w *world) projection() projector.Projection {
	return projector.Projection{
		Name: "chaos", Alias: w.alias, Versions: "class", Hash: "1",
		Index:  json.RawMessage(`{"settings": {"number_of_shards": 2, "number_of_replicas": 0}, "mappings": {"dynamic": false}}`),
		Limits: projector.Limits{Batch: 4 << 10},
	}
}

// rebuild runs one. It is interrupted at one of its events, if at is above 0, and goes on,
// or, where that came before there was anything to go on with, another one begins.
func (w *world) rebuild(ctx context.Context, run string, at int64) (rec projector.Record, err error) {
	rec, err = w.attempt(ctx, run, false, at)
	switch {
	case !errors.Is(err, context.Canceled) || ctx.Err() != nil:
		return rec, err
	case rec.Resumable:
		return w.attempt(ctx, run, true, 0)
	}
	return w.attempt(ctx, run+again, false, 0)
}

// again ends the name of a run that begins in place of another one.
const again = "-again"

// runs are all that there can have been.
var runs = [...]string{"first", "second", "second" + again}

// release gives up what runs left on the source.
func (w *world) release(ctx context.Context) error {
	for _, run := range runs {
		if err := w.source.Release(ctx, w.id(run)); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) attempt(ctx context.Context, run string, resume bool, at int64) (projector.Record, error) {
	store, err := w.marks(w.id(run))
	if err != nil {
		return projector.Record{}, err
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	seen := int64(0)
	r := projector.Rebuild{
		Projection: w.projection(), Source: w.source, Target: w.target, AllowEmpty: true,
		Owner: sinks.Owner{Run: w.id(run), Verb: "rebuild"},
		Live:  &projector.Live{Marks: store, Writer: w.mode, Resume: resume},
		Observe: func(observe.Event) {
			if seen++; seen == at {
				interrupt()
			}
		},
	}
	rec, err := r.Run(ctx)
	w.events.Add(seen)
	return rec, errors.Join(err, store.Close())
}

// close drops everything, and complains about what humpty left on the source.
func (w *world) close(ctx context.Context, failed bool) error {
	ctx = context.WithoutCancel(ctx)
	err := os.RemoveAll(w.dir)
	if failed && w.source != nil { // what could be gone on with is given up
		err = errors.Join(err, w.release(ctx))
	}
	if w.late != nil {
		err = errors.Join(err, w.late.group.Wait())
	}
	for _, path := range []string{"/" + w.alias + "-*?expand_wildcards=all", "/humpty-leases/_doc/" + w.alias} {
		req, reqErr := http.NewRequestWithContext(ctx, http.MethodDelete, w.es+path, nil)
		if reqErr != nil {
			return errors.Join(err, reqErr)
		}
		res, doErr := http.DefaultClient.Do(req)
		if err = errors.Join(err, doErr); doErr == nil {
			err = errors.Join(err, res.Body.Close())
		}
	}
	if w.dsn == "" {
		return err
	}
	admin, adminErr := pgx.Connect(ctx, w.Postgres)
	if adminErr != nil {
		return errors.Join(err, adminErr)
	}
	defer func() { _ = admin.Close(ctx) }()
	database := strings.ReplaceAll(w.alias, "-", "_")
	var slots int
	if err := admin.QueryRow(ctx, "select count(*) from pg_replication_slots where database = $1", database).Scan(&slots); err != nil {
		return err
	}
	if slots > 0 {
		err = errors.Join(err, fmt.Errorf("%d slots are left in database %s", slots, database))
	}
	_, dropErr := admin.Exec(ctx, "drop database "+pgx.Identifier{database}.Sanitize()+" with (force)")
	return errors.Join(err, dropErr)
}
