package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"humpty/internal/wait"
)

// toggler is a writer that puts rows back to what they were, so that a document shows the same state
// at two readings though it changed in between.
type toggler struct {
	seed    uint64
	dsn     string
	schema  *schema
	commit  commitFunc
	journal *journal
}

// write toggles until stop is closed: in bursts, between which all can be read.
func (w *toggler) write(ctx context.Context, stop <-chan struct{}) error {
	rng := rand.New(rand.NewPCG(w.seed, 200))
	s, err := connect(ctx, w.dsn)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		for _, sql := range w.toggle(rng) {
			if err := s.recover(ctx, w.transaction(ctx, s, sql)); err != nil {
				return fmt.Errorf("toggle: %w", err)
			}
		}
		w.journal.count(toggles, 1)
		rest := time.Duration(rng.IntN(3)) * time.Millisecond
		if n%20 == 19 {
			rest = time.Duration(rng.IntN(60+n/fatigue)) * time.Millisecond
		}
		if err := wait.For(ctx, rest); err != nil {
			return err
		}
	}
}

// transaction is one statement, whose locks may wait for commits of others.
func (w *toggler) transaction(ctx context.Context, s *session, sql string) error {
	err := s.exec(ctx, "begin; "+sql)
	if err == nil {
		err = w.commit(ctx, func() error { return s.exec(ctx, "commit") })
	}
	if err = ignoreExpected(err); err != nil {
		return err
	}
	return s.exec(ctx, "rollback") // nothing is open if it was committed
}

// toggle is there and back again, in two transactions; where others do not come between.
func (w *toggler) toggle(rng *rand.Rand) []string {
	s := w.schema
	t := s.tables[0]
	if rng.IntN(4) == 0 {
		t = s.tables[rng.IntN(len(s.tables))]
	}
	id := 1 + rng.IntN(2*maxHotID)
	if t.link {
		to := randomID(rng)
		return []string{
			fmt.Sprintf("insert into %s values (%d, %d) on conflict do nothing", t.name, id, to),
			fmt.Sprintf("delete from %s where a = %d and b = %d", t.name, id, to),
		}
	}
	switch kind := rng.IntN(4); {
	case kind < 2 && t.soft:
		flip := fmt.Sprintf("update %s set gone = not gone where id = %d", t.name, id)
		return []string{flip, flip}
	case kind == 2: // without what the others name, it comes back as another row does
		return []string{fmt.Sprintf("delete from %s where id = %d", t.name, id), t.insertAt(id, "toggled")}
	}
	return []string{
		fmt.Sprintf("update %s set v = v || '~' where id = %d", t.name, id),
		fmt.Sprintf("update %s set v = left(v, -1) where id = %d and v like '%%~'", t.name, id),
	}
}
