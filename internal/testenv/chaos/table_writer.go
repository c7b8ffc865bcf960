package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/wait"
)

const (
	writers = 4 // at once
	fatigue = 5 // after so many transactions more, a writer rests a millisecond longer: where the run is slow it must catch up all the same
)

// commitFunc does a commit, and what belongs to it.
type commitFunc func(ctx context.Context, commit func() error) error

// tableWriter is one of an application's that change rows.
type tableWriter struct {
	seed, number uint64
	dsn          string
	schema       *schema
	commit       commitFunc
	journal      *journal
	mortal       bool // the server dies now and then; most commits do not wait for its log

	session *session
	told    int // the last transaction that was committed, as the server said
}

// write makes random transactions on one connection until stop is closed.
func (w *tableWriter) write(ctx context.Context, stop <-chan struct{}, count *atomic.Int64) (err error) {
	rng := rand.New(rand.NewPCG(w.seed, 100+w.number))
	if w.session, err = connect(ctx, w.dsn); err != nil {
		return err
	}
	defer func() { w.session.close(ctx) }()
	w.told = -1
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := w.transaction(ctx, rng, n); err != nil {
			if err := w.recover(ctx, err); err != nil {
				return fmt.Errorf("writer %d: %w", w.number, err)
			}
		}
		count.Add(1)
		if rng.IntN(4) > 0 { // else a burst
			if err := wait.For(ctx, time.Duration(rng.IntN(8+n/fatigue))*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// recover connects again to a server that died, and counts what it lost.
func (w *tableWriter) recover(ctx context.Context, err error) error {
	if err := w.session.recover(ctx, err); err != nil || !w.mortal {
		return err
	}
	lost, err := w.session.lost(ctx, w.number, w.told)
	if died(err) {
		return w.recover(ctx, err) // it died again
	}
	if lost > 0 {
		w.journal.count(commitsLost, lost)
		w.told -= int(lost)
	}
	return err
}

// transaction is a few changes, committed or rolled back.
func (w *tableWriter) transaction(ctx context.Context, rng *rand.Rand, n int) error {
	run := func(sql string) error { return w.session.exec(ctx, sql) }
	sync := []string{"on", "local", "off"}[rng.IntN(3)]
	if w.mortal && rng.IntN(30) > 0 {
		sync = "off"
	}
	err := run("begin; set local synchronous_commit = " + sync)
	long, last := rng.IntN(20) == 0, "commit"
	for i := range 1 + rng.IntN(4) {
		if err != nil {
			break
		}
		sql := w.change(rng, fmt.Sprintf("w%d.%d.%d", w.number, n, i))
		if strings.HasPrefix(sql, "truncate") { // its lock must not be held for long
			last = "set local lock_timeout = '100ms'; " + sql + "; commit"
			continue
		}
		if rng.IntN(10) == 0 {
			sql = "savepoint s; " + sql + "; rollback to s"
		}
		err = run(sql)
		if long && err == nil {
			err = wait.For(ctx, time.Duration(50+rng.IntN(200))*time.Millisecond)
		}
	}
	if w.mortal && err == nil {
		err = run(receipt(w.number, n))
	}
	if err == nil && rng.IntN(10) > 0 {
		err = w.commit(ctx, func() error {
			err := run(last)
			if err == nil {
				w.told = n
			}
			return ignoreExpected(err)
		})
	}
	if err := ignoreExpected(err); err != nil {
		return err
	}
	return run("rollback") // nothing is open if it was committed
}

// ignoreExpected is nil for what an application has to expect: a key that is there, a deadlock,
// a lock that is not to be had, a row that went to another partition or has none.
func ignoreExpected(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && slices.Contains([]string{"23505", "40P01", "55P03", "40001", "23514"}, pg.Code) {
		return nil
	}
	return err
}
