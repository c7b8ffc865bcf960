package chaos

import (
	"context"
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

	Troubles []Trouble // that may be drawn
	Always   bool      // every history has them all
	Failures string    // a folder, in which failed histories leave what they were; empty: none
}

// world is one history's.
type world struct {
	Place
	plan    *Plan
	journal *journal
	rng     *rand.Rand
	schema  *schema

	dsn, alias string
	dir        string // of what runs remember
	late       *lateRequests
	target     *elastic.Target
	engine     engine
	producer   *producer // nil without topics
	mortal     *mortal   // nil where PostgreSQL does not die
}

func newWorld(ctx context.Context, p Place, seed uint64, mode projector.Writer) (*world, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(mode[1])))
	plan, acts := p.draw(seed, mode)
	w := &world{Place: p, plan: plan, rng: rng, journal: newJournal()}
	if p.Program == "" {
		w.schema = newSchema(rng, plan)
	} else {
		w.schema = newMixedSchema(rng, plan)
	}
	plan.drawActs(acts, w.schema)
	plan.Schema = strings.Split(strings.TrimSpace(w.schema.create()), "\n")
	for _, t := range w.schema.tables {
		if t.generated {
			w.journal.count(generatedColumns, 1)
		}
	}
	w.alias = fmt.Sprintf("%s-%s-%d", p.Name, mode, seed)
	var err error
	if w.dir, err = os.MkdirTemp("", "humpty-chaos-"); err != nil {
		return nil, err
	}
	if err := w.database(ctx); err != nil {
		return w, err
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

// database makes the tables, on a server of the history's own if it is to die.
func (w *world) database(ctx context.Context) (err error) {
	server := w.Postgres
	if w.plan.has(Crash) {
		if w.mortal, err = newMortal(ctx); err != nil {
			return err
		}
		server = w.mortal.dsn()
	}
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	config := admin.Config().Copy()
	config.Database = strings.ReplaceAll(w.alias, "-", "_")
	if _, err := admin.Exec(ctx, "create database "+pgx.Identifier{config.Database}.Sanitize()); err != nil {
		return err
	}
	w.dsn = fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable", config.Host, config.Port, config.User, config.Database)
	if config.Password != "" {
		w.dsn += " password=" + config.Password
	}
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, w.schema.create()+w.schema.facts()+receipts+w.schema.fill(), pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	return nil
}

func (w *world) connect(ctx context.Context) (err error) {
	w.late = &lateRequests{rng: rand.New(rand.NewPCG(w.plan.Seed, 2)), alias: w.alias, anytime: w.plan.has(Late), journal: w.journal}
	if w.Program != "" {
		if w.target, err = elastic.Dial(ctx, elastic.Config{Addresses: []string{w.Elasticsearch}, Alias: w.alias}); err == nil {
			w.engine, err = newBuiltProgram(w)
		}
		return err
	}
	wrap := func(next http.RoundTripper) http.RoundTripper {
		w.late.next = next
		return w.late
	}
	w.target, err = elastic.Dial(ctx, elastic.Config{Addresses: []string{w.Elasticsearch}, Alias: w.alias, Wrap: wrap})
	if err != nil {
		return err
	}
	e := &inProcess{world: w}
	e.source, err = postgres.New(postgres.Config{DSN: w.dsn, Shape: w.schema.shape, MaxConnections: 4, PageBytes: 4 << 10})
	w.engine = e
	return err
}
