package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/wait"
	"humpty/projector"
	"humpty/sinks"
)

// keptOutput is how much is kept of what a process printed for programs, from its end.
const keptOutput = 2 << 10

const configurationFile = "humpty.yaml"

// program is the projection's name in the configuration.
const program = "chaos"

// builtProgram is humpty as it is shipped, behind a proxy that lets attempts be late, and killed
// whenever it pleases.
type builtProgram struct {
	world *world
	rng   *rand.Rand
	proxy *httptest.Server
	env   []string
	took  time.Duration // the first run
	page  string        // where follow serves its metrics

	mu    sync.Mutex
	kills []string // what was killed, and when
}

func newBuiltProgram(w *world) (*builtProgram, error) {
	e := &builtProgram{world: w, rng: rand.New(rand.NewPCG(w.plan.Seed, 4))}
	text, err := configuration{w.schema, w.plan.Mode, w.plan.Seed, w.alias, w.Kafka}.text()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(w.dir, configurationFile)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	to, err := url.Parse(w.Elasticsearch)
	if err != nil {
		return nil, err
	}
	w.late.next = http.DefaultTransport
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.Transport = w.late
	forward.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // no answer at all
	e.proxy = httptest.NewServer(forward)
	e.env = append(os.Environ(), "SHOP_DSN="+w.dsn, "ES="+e.proxy.URL, "HUMPTY_CONFIG="+file, "HUMPTY_STATE="+filepath.Join(w.dir, "state"))
	return e, nil
}

// exit is how the program ended.
type exit struct {
	code     int // -1: killed
	out, err string
}

func (a exit) Error() string { return fmt.Sprintf("exit code %d: %s\n%s", a.code, a.err, tail(a.out)) }

// tail is the end of what a process printed for programs: lines of JSON, of which the last counts.
func tail(out string) string { return out[max(0, len(out)-keptOutput):] }

// run has the program run to its end, or until kill says so.
func (e *builtProgram) run(ctx context.Context, kill time.Duration, args ...string) (exit, error) {
	cmd := exec.CommandContext(ctx, e.world.Program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.Env = e.env
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		return exit{}, err
	}
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	a := exit{cmd.ProcessState.ExitCode(), out.String(), said.String()}
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) && ctx.Err() == nil {
		return a, err
	}
	e.world.journal.note("humpty %s: exit code %d: %s\n%s", strings.Join(args, " "), a.code, a.err, tail(a.out))
	if a.code == -1 && ctx.Err() == nil {
		e.mu.Lock()
		e.kills = append(e.kills, fmt.Sprintf("%s after %d ms", args[0], kill.Milliseconds()))
		e.mu.Unlock()
	}
	return a, ctx.Err()
}

const maxKills = 3

// rebuild runs one, killed up to three times, and gone on with.
func (e *builtProgram) rebuild(ctx context.Context, run string) (projector.Record, error) {
	start := time.Now()
	kills := 0
	if run == "second" {
		kills = e.rng.IntN(maxKills + 1)
	}
	args := rebuildArgs()
	if run == "third" {
		args = append(args, "--new")
	}
	for n := 0; ; n++ {
		kill := time.Duration(0)
		if n < kills {
			kill = 30*time.Millisecond + time.Duration(e.rng.Int64N(int64(2*e.took)))
		}
		a, err := e.run(ctx, kill, args...)
		switch {
		case err != nil:
			return projector.Record{}, err
		case a.code == 0:
			if run == "first" {
				e.took = time.Since(start)
			}
			rec, err := a.record()
			rec.Resumed = n > 0
			return rec, err
		case a.code == -1, n < 2*maxKills && (a.code == codeRefused && n > 0 || e.mayComeAgain(a)):
		default:
			return projector.Record{}, a
		}
		if args, err = e.next(ctx); err != nil {
			return projector.Record{}, err
		}
	}
}

// repair is humpty repair.
func (e *builtProgram) repair(ctx context.Context) error {
	a, err := e.run(ctx, 0, "repair", program, "--yes", "--max-delete", "1000", "--max-stale", "1000")
	if err == nil && a.code != 0 {
		err = fmt.Errorf("humpty repair: %w", a)
	}
	return err
}

// mayComeAgain tells whether a process ended since PostgreSQL was away when it began: the same
// command may succeed later.
func (e *builtProgram) mayComeAgain(a exit) bool {
	died := slices.ContainsFunc(e.world.plan.Acts, func(a *Act) bool { return a.Kind == crashed && a.done.Load() })
	return died && a.code == codeFailed && (strings.Contains(a.err, "PostgreSQL, database") || strings.Contains(a.err, ": database ") || strings.Contains(a.err, "SQLSTATE 57P"))
}

// record is in the last line of --json.
func (a exit) record() (projector.Record, error) {
	lines := strings.Split(strings.TrimSpace(a.out), "\n")
	var last struct{ Record projector.Record }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		return last.Record, fmt.Errorf("%w: %s", err, a.out)
	}
	return last.Record, nil
}

// said is what humpty status says of the projection.
type said struct {
	Survey  sinks.Survey
	Stopped []struct{ Run string }
}

func (e *builtProgram) said(ctx context.Context) (said, error) {
	a, err := e.run(ctx, 0, "status", program, "--json")
	if err != nil {
		return said{}, err
	}
	var found struct{ Projections []said }
	lines := strings.Split(strings.TrimSpace(a.out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &found); err != nil || len(found.Projections) != 1 || a.code != 0 {
		return said{}, fmt.Errorf("status: %w: %w", err, a)
	}
	return found.Projections[0], nil
}

// status is what humpty status says.
func (e *builtProgram) status(ctx context.Context) (sinks.Survey, error) {
	s, err := e.said(ctx)
	return s.Survey, err
}

// next is what goes on with what a dead process left, or begins anew. One that left nothing
// but its lease has it run out.
func (e *builtProgram) next(ctx context.Context) ([]string, error) {
	found, err := e.said(ctx)
	if err != nil {
		return nil, err
	}
	if stopped := found.Stopped; len(stopped) > 0 {
		return []string{"resume", stopped[0].Run, "--quiet", "--json"}, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.world.Elasticsearch+"/humpty-leases/_update/"+e.world.alias, strings.NewReader(`{"doc": {"expires": "0001-01-01T00:00:00Z"}}`))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	return rebuildArgs(), nil
}

func rebuildArgs() []string {
	return []string{"rebuild", program, "--quiet", "--json", "--allow-unindexed", "--allow-empty", "--batch", "16KB"}
}

// follow is killed now and then, and started again.
func (e *builtProgram) follow(ctx context.Context, told chan<- caughtUp) error {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.page = free.Addr().String()
	if err := free.Close(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	over, done := context.WithCancel(ctx)
	group.Go(func() error { return e.watch(over, told) })
	group.Go(func() error {
		defer done()
		return e.restart(ctx)
	})
	return group.Wait()
}

// watch reads the page on which follow says how far it is.
func (e *builtProgram) watch(ctx context.Context, told chan<- caughtUp) error {
	for wait.For(ctx, 200*time.Millisecond) == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.page+"/metrics", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // killed, or not begun
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil {
			tellAll(string(text), told)
		}
	}
	return nil
}

// tellAll reads which generations are 0 behind.
func tellAll(page string, told chan<- caughtUp) {
	values := map[string]map[string]float64{} // by generation and metric
	for line := range strings.Lines(page) {
		name, rest, ok := strings.Cut(line, "{")
		_, rest, there := strings.Cut(rest, `generation="`)
		generation, value, closed := strings.Cut(rest, `"} `)
		number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if !ok || !there || !closed || err != nil {
			continue
		}
		if values[generation] == nil {
			values[generation] = map[string]float64{}
		}
		values[generation][name] = number
	}
	for generation, v := range values {
		behind, known := v["humpty_source_lag_bytes"]
		due, counted := v["humpty_dirty_keys"]
		if known && counted && behind == 0 && due == 0 {
			caughtUp{generation, time.UnixMilli(int64(v["humpty_last_told_timestamp_seconds"] * 1000))}.tell(told)
		}
	}
}

func (e *builtProgram) restart(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(e.world.plan.Seed, 5))
	for n := 0; ; n++ {
		kill := time.Duration(0)
		if n < maxKills && rng.IntN(2) == 0 {
			kill = 100*time.Millisecond + time.Duration(rng.IntN(4000))*time.Millisecond
		}
		a, err := e.run(ctx, kill, "follow", program, "--quiet", "--metrics", e.page)
		switch {
		case ctx.Err() != nil && (a.code == 0 || a.code == -1):
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("humpty follow, interrupted: %w", a)
		case err != nil:
			return err
		case a.code != -1 && !e.mayComeAgain(a):
			return fmt.Errorf("humpty follow: %w", a)
		}
	}
}

// release drops what is on the source: nobody follows any more.
func (e *builtProgram) release(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, e.world.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		var left, busy int
		err := conn.QueryRow(ctx, `select count(*), count(*) filter (where active) from pg_replication_slots where database = current_database()`).Scan(&left, &busy)
		if err != nil {
			return err
		}
		if busy == 0 {
			_, err = conn.Exec(ctx, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()")
			return err
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}
