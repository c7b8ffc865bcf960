package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/wait"
)

// operator is who does the acts of a plan.
type operator struct {
	*world
	commit commitFunc
}

// intervene does all acts, each at its time.
func (o *operator) intervene(ctx context.Context, first time.Duration) error {
	start := time.Now()
	acts := slices.SortedFunc(slices.Values(o.plan.Acts), func(a, b *Act) int { return int(1e6 * (a.After - b.After)) })
	for _, a := range acts {
		if wait.For(ctx, a.due(first)-time.Since(start)) != nil {
			return nil //nolint:nilerr // its time is over: it is counted as one that did not happen
		}
		err := o.do(ctx, a)
		if a.done.Load() {
			o.journal.count(a.Kind, 1)
			o.journal.note("%s", a)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // as above
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

// do does one. What it began is ended, whether there is time left or not.
func (o *operator) do(ctx context.Context, a *Act) error {
	switch a.Kind {
	case crashed:
		a.done.Store(true)
		ctx = context.WithoutCancel(ctx)
		if err := o.mortal.die(ctx); err != nil || o.producer == nil {
			return err
		}
		return o.producer.restore(ctx, o.commit)
	case partitionOfTopic, logCut, logCutToEnd, logAgain:
		a.done.Store(true)
		return o.producer.act(context.WithoutCancel(ctx), a, o.commit)
	}
	s, err := connect(ctx, o.dsn)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	there, back, err := o.statements(ctx, s, a)
	if err != nil || there == "" {
		return err
	}
	a.done.Store(true) // also if it is interrupted
	look := func() error { return o.commit(ctx, func() error { return nil }) }
	if err := s.insist(ctx, there); err != nil { // whose locks wait for commits, so that it cannot be one
		return err
	}
	if a.Back == 0 {
		return look()
	}
	_ = wait.For(ctx, time.Duration(a.Back)*time.Millisecond) // it is put back in any case
	ctx = context.WithoutCancel(ctx)
	return errors.Join(s.insist(ctx, back), look())
}

// statements are what an act is in SQL, and what undoes it. There are none where there is nothing
// to do it to.
func (o *operator) statements(ctx context.Context, s *session, a *Act) (there, back string, err error) {
	t := o.schema.find(a.On)
	identity := "alter table " + t.name + " replica identity "
	back = identity + "full"
	if t.identity == "index" {
		back = identity + "using index " + t.name + "_identity"
	}
	switch a.Kind {
	case identityAnother:
		return fmt.Sprintf("create unique index %s_another on %[1]s (id, up); %susing index %[1]s_another; drop index %[1]s_identity", t.name, identity), "", nil
	case identityFull:
		return identity + "full", "", nil
	case keyRemade:
		return fmt.Sprintf("alter table %s drop constraint %[1]s_pkey, add %s", t.name, t.key()), "", nil
	case identityPoorer, identityPoorer + putBack:
		return identityOfLeaves(t, "default"), identityOfLeaves(t, strings.TrimPrefix(back, identity)), nil
	case partitionAdded:
		return t.partition(3, 100, 200) + t.insertAt(100, "added") + "; " + t.insertAt(101, "added"), "", nil
	case partitionDetached:
		return fmt.Sprintf("alter table %s detach partition %[1]s_p2", t.name), "", nil
	}
	publication, err := s.publication(ctx, t.name)
	if publication == "" || err != nil {
		return "", "", err
	}
	alter := "alter publication " + pgx.Identifier{publication}.Sanitize()
	there = fmt.Sprintf("%s drop table %s", alter, t.name)
	if strings.HasPrefix(a.Kind, publishedRows) {
		return fmt.Sprintf("%s; %s add table %s where (id > 10)", there, alter, t.name), fmt.Sprintf("%s drop table %s; %[1]s add table %[2]s", alter, t.name), nil
	}
	return there, fmt.Sprintf("%s add table %s", alter, t.name), nil
}

// identityOfLeaves sets an identity where rows are.
func identityOfLeaves(t *table, to string) string {
	names := []string{t.name}
	if t.partitioned {
		names = []string{t.name + "_p1", t.name + "_p2"}
	}
	var all []string
	for _, n := range names {
		all = append(all, "alter table "+n+" replica identity "+to)
	}
	return strings.Join(all, "; ")
}

// undo puts identities back that were left poorer.
func (o *operator) undo(ctx context.Context) error {
	s, err := connect(ctx, o.dsn)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	for _, a := range o.plan.Acts {
		if !a.done.Load() || a.Kind != identityPoorer {
			continue
		}
		_, back, err := o.statements(ctx, s, a)
		if err := errors.Join(err, s.insist(ctx, back)); err != nil {
			return err
		}
	}
	return nil
}

// publication is one that has a table, if there is any.
func (s *session) publication(ctx context.Context, table string) (string, error) {
	var name string
	err := s.conn.QueryRow(ctx, "select pubname from pg_publication_tables where tablename = $1 order by random() limit 1", table).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return name, err
}

// insist executes statements in one transaction, whose locks others may hold for a while. A crash
// does not take it back: what an act puts back must stay.
func (s *session) insist(ctx context.Context, sql string) error {
	for {
		err := s.exec(ctx, "begin; set local lock_timeout = '300ms'; set local synchronous_commit = on; "+sql+"; commit")
		if err == nil {
			return nil
		}
		if died(err) {
			if err := s.recover(ctx, err); err != nil {
				return err
			}
			continue
		}
		if rollback := s.exec(ctx, "rollback"); rollback != nil {
			return errors.Join(err, rollback)
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || !slices.Contains([]string{"55P03", "40P01"}, pg.Code) {
			return err
		}
		if err := wait.For(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}
