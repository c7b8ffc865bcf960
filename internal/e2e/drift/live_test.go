package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/projector/verify"
)

func says(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q in it", err, part)
		}
	}
}

// write changes orders in the database and then, a moment later, in the index, until ctx
// ends: an application with a lag.
func (p *place) write(ctx context.Context, ids []string, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := 0; ctx.Err() == nil; n++ {
		id := ids[rng.IntN(len(ids))]
		clerk := fmt.Sprintf("clerk %d of %d", n, seed)
		if err := p.exec(ctx, "UPDATE shop.orders SET o_clerk = $2 WHERE o_orderkey = $1::bigint", id, clerk); err != nil {
			return err
		}
		lag := time.NewTimer(time.Duration(rng.IntN(20)) * time.Millisecond)
		select {
		case <-lag.C:
		case <-ctx.Done():
		}
		// the index gets it also when the test is over: the two must meet at the end
		if err := p.patch(context.WithoutCancel(ctx), id, clerk); err != nil {
			return err
		}
	}
	return nil
}

// patch is what an application does: read, change, write if nobody else did.
func (p *place) patch(ctx context.Context, id, clerk string) error {
	var a struct {
		SeqNo  int             `json:"_seq_no"`
		Term   int             `json:"_primary_term"`
		Source json.RawMessage `json:"_source"`
	}
	if err := p.ask(ctx, http.MethodGet, "/"+p.alias+"/_doc/"+id, nil, &a); err != nil {
		return err
	}
	var doc map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(a.Source)))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return err
	}
	doc["o_clerk"] = clerk
	path := fmt.Sprintf("/%s/_doc/%s?if_seq_no=%d&if_primary_term=%d", p.alias, id, a.SeqNo, a.Term)
	err := p.ask(ctx, http.MethodPut, path, doc, nil)
	if err != nil && strings.Contains(err.Error(), ": 409 ") {
		return p.patch(ctx, id, clerk)
	}
	return err
}

func TestVerifyAndRepairUnderWrites(t *testing.T) {
	t.Parallel()
	p := newPlace(t, devstack.Elasticsearch(t), 2000)
	live := p.rebuild(t)
	ids := p.ids(t)
	// each writer has documents of its own, the rest is drift
	hot, cold := ids[:1000], ids[1000:]
	planted := map[string]verify.Kind{cold[1]: verify.Missing, cold[2]: verify.Stale, "x1": verify.Extra}
	p.do(t, http.MethodDelete, "/"+live+"/_doc/"+cold[1], nil, nil)
	p.do(t, http.MethodPut, "/"+live+"/_doc/"+cold[2], p.document(t, cold[3]), nil)
	p.do(t, http.MethodPut, "/"+live+"/_doc/x1?refresh=true", p.document(t, cold[3]), nil)

	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	for w := range 3 {
		group.Go(func() error {
			if err := p.write(ctx, hot[w*300:w*300+300], uint64(w)); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	}
	finding := p.want(t, planted)
	repaired, err := p.repair().Run(t.Context())
	stop()
	if werr := group.Wait(); werr != nil {
		t.Fatal(werr)
	}
	if err != nil || repaired.Repair.Written != 2 || repaired.Repair.Deleted != 1 {
		t.Fatalf("%v, %+v; verify before it: %+v", err, repaired.Repair, finding.Verified.Verification)
	}
	t.Logf("verify: %d moved, %d moving; repair: %d moved, %d moving, %d given way",
		finding.Verified.Moved, finding.Verified.Moving, repaired.Verified.Moved, repaired.Verified.Moving, repaired.Repair.Superseded)
	for _, id := range hot { // what the last write of a stopped writer left in the database only
		var clerk string
		if err := p.db.QueryRow(t.Context(), "SELECT o_clerk FROM shop.orders WHERE o_orderkey = $1::bigint", id).Scan(&clerk); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.document(t, id), clerk) {
			if err := p.patch(t.Context(), id, clerk); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.right(t, live)
}
