package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"humpty/projector"
	"humpty/sinks/elastic"
	"humpty/sources/postgres"
)

// Place is where histories happen. The PostgreSQL server should be nobody else's: a slot
// waits for the transactions of every database.
type Place struct {
	Postgres      string // DSN of a user who may create databases
	Elasticsearch string // http://host:port
	Name          string // begins the names of what is made, all of which is dropped again

	Program string // the built humpty: histories with topics, in which it is killed; empty: the engine in this process
	Kafka   string // host:port, for Program
}

// world is one history's.
type world struct {
	Place
	seed   uint64
	mode   projector.Writer
	rng    *rand.Rand
	schema *schema

	dsn, es, alias string
	dir            string // of what runs remember
	late           *lateRequests
	target         *elastic.Target
	engine         engine
	producer       *producer // nil without topics
}

func newWorld(ctx context.Context, p Place, seed uint64, mode projector.Writer) (*world, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(mode[1])))
	w := &world{Place: p, seed: seed, mode: mode, rng: rng, es: p.Elasticsearch}
	if p.Program == "" {
		w.schema = newSchema(rng)
	} else {
		w.schema = newMixedSchema(rng)
	}
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
	if _, err := conn.Exec(ctx, w.schema.create()+w.schema.facts()+w.schema.fill(), pgx.QueryExecModeSimpleProtocol); err != nil {
		return w, fmt.Errorf("create the tables: %w", err)
	}
	if len(w.schema.topics) > 0 {
		if w.producer, err = newProducer(ctx, w); err != nil {
			return w, err
		}
		if err := w.producer.fill(ctx); err != nil {
			return w, err
		}
	}
	return w, w.connect(ctx)
}

func (w *world) connect(ctx context.Context) (err error) {
	w.late = &lateRequests{rng: rand.New(rand.NewPCG(w.seed, 2))}
	if w.Program != "" {
		if w.target, err = elastic.Dial(ctx, elastic.Config{Addresses: []string{w.es}, Alias: w.alias}); err == nil {
			w.engine, err = newBuiltProgram(w)
		}
		return err
	}
	wrap := func(next http.RoundTripper) http.RoundTripper {
		w.late.next = next
		return w.late
	}
	w.target, err = elastic.Dial(ctx, elastic.Config{Addresses: []string{w.es}, Alias: w.alias, Wrap: wrap})
	if err != nil {
		return err
	}
	e := &inProcess{world: w}
	e.source, err = postgres.New(postgres.Config{DSN: w.dsn, Shape: w.schema.shape, MaxConnections: 4, PageBytes: 4 << 10})
	w.engine = e
	return err
}

// close drops everything, and complains about what humpty left on the source.
func (w *world) close(ctx context.Context, failed bool) error {
	ctx = context.WithoutCancel(ctx)
	err := os.RemoveAll(w.dir)
	if failed && w.engine != nil { // what could be gone on with is given up
		err = errors.Join(err, w.engine.release(ctx))
	}
	if p, ok := w.engine.(*builtProgram); ok {
		p.proxy.Close()
	}
	if w.producer != nil {
		err = errors.Join(err, w.producer.close(ctx))
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
