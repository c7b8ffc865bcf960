//go:build unix

package live

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/report"
)

const updatedTables = `
ALTER TABLE customer ADD changed timestamptz NOT NULL DEFAULT now() - interval '1 day', ALTER changed SET DEFAULT clock_timestamp();
ALTER TABLE orders ADD changed timestamptz NOT NULL DEFAULT now() - interval '1 day', ALTER changed SET DEFAULT clock_timestamp();
ALTER TABLE line ADD changed timestamptz NOT NULL DEFAULT now() - interval '1 day', ALTER changed SET DEFAULT clock_timestamp();
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed = clock_timestamp(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON line FOR EACH ROW EXECUTE FUNCTION touch();
CREATE INDEX ON customer (changed); CREATE INDEX ON orders (changed); CREATE INDEX ON line (changed);`

// written is a change that the column tells of.
func written(rng *rand.Rand, i int) string {
	id := 20 + rng.IntN(290)
	switch rng.IntN(4) {
	case 0:
		return fmt.Sprintf("UPDATE customer SET name = 'renamed %d' WHERE id = %d", i, 1+rng.IntN(6)) // not those of the orders below
	case 1:
		return fmt.Sprintf("INSERT INTO line SELECT id, %d, 'new', %d FROM orders WHERE id = %d ON CONFLICT (order_id, no) DO UPDATE SET quantity = excluded.quantity", 4+rng.IntN(5), i, id)
	}
	return fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-06-01', %d, 'changed') ON CONFLICT (id) DO UPDATE SET note = 'again %[3]d'", id, 1+rng.IntN(10), i)
}

// Without logical decoding a column tells what was written since the snapshot: beside a
// writer, and with a row that is deleted and one that moves, which only the comparison
// finds, the index is in the end what SQL says; and nothing was made on the source.
func TestUpdatedAt(t *testing.T) {
	t.Parallel()
	s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
	s.SQL(t, rig.Tables)
	s.SQL(t, updatedTables)
	s.Edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    catch_up: {updated_at: changed}\n",
		"from: shop.orders\n", "from: shop.orders\n      columns: [id, customer_id, placed, total, note]\n",
		"from: shop.line\n", "from: shop.line\n          columns: [order_id, no, sku, quantity]\n")
	c, err := config.Load(s.File, config.Options{Env: func(name string) (string, bool) { v, ok := s.Env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Projection("orders")
	if err != nil {
		t.Fatal(err)
	}
	r, err := assemble.Rebuild(t.Context(), c, p, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := assemble.State{Dir: t.TempDir()}.Begin(p.Name, r.Owner.Run)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // at the end of the test
	r.Live = &projector.Live{Checkpoint: store, Writer: projector.Writer(p.Writer)}
	stop := s.Busy(t, 5, written)
	r.Observe = func(e report.Event) {
		if e.Kind != report.Started {
			return
		}
		switch e.Phase {
		case report.PhaseCatchUp:
			s.SQL(t, "DELETE FROM line WHERE order_id = 7; DELETE FROM orders WHERE id = 7; UPDATE line SET order_id = 9, no = 20 WHERE order_id = 8 AND no = 1")
		case report.PhaseVerify:
			if stop() == 0 {
				t.Error("nothing was written")
			}
			s.SQL(t, "UPDATE orders SET note = 'just before the swap' WHERE id = 300")
		}
	}
	record, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.EqualsOracle(t)
	if all := strings.Join(record.Notices, "\n"); !strings.Contains(record.Limits, "caught up by column changed of public.orders, public.customer, public.line") ||
		!strings.Contains(all, "every row that is deleted") || !strings.Contains(all, " documents were not as the source has them, by changes that its column does not tell of") {
		t.Errorf("limits %q, notices:\n%s", record.Limits, all)
	}
	if len(record.Rounds) == 0 || record.Rounds[0].Reread == 0 {
		t.Errorf("rounds %+v", record.Rounds)
	}
}
