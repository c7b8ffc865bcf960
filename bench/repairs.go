package main

import (
	"context"
	"fmt"
	"time"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
)

// drift is how much of an index is made wrong before a repair.
const drift = 0.01

// settleTime is how long a verification waits before it calls a document different that
// somebody may just be writing. Nobody writes here: what is measured is the work.
const settleTime = 100 * time.Millisecond

// repairs are verifications of an index that serves, and its repairs.
type repairs struct{ *lab }

// age makes an index what one that serves is: written to, with documents deleted from its
// segments. The server reads back the pages of one that nobody has written to since its
// rebuild at about half the cost, which a repair, after drift, never finds.
func (r repairs) age(ctx context.Context, target, index string, shards int) error {
	if _, err := raw.PlantDrift(ctx, r.search[target], index, r.corpus, drift); err != nil {
		return err
	}
	return r.warmUp(func() error {
		_, err := r.run(ctx, engine.Repair, target, shards, half{})
		return err
	})
}

// pair pairs the verification of an aged index, which is right and serves, with its
// repair after drift.
func (r repairs) pair(ctx context.Context, target, index string, shards, pair int) error {
	h := half{figure.SeriesRepair, pair}
	right, err := r.run(ctx, engine.Verify, target, shards, h)
	if err != nil {
		return err
	}
	if v := right.Finding.Verified; v.Differs() || v.Documents != r.corpus.Documents() {
		return fmt.Errorf("index %s was to be right, but %+v", index, v.Verification)
	}
	spoilt, err := raw.PlantDrift(ctx, r.search[target], index, r.corpus, drift)
	if err != nil {
		return err
	}
	o, err := r.run(ctx, engine.Repair, target, shards, h)
	if err != nil {
		return err
	}
	found := o.Finding.Verified
	if (raw.Drift{Missing: found.Missing, Stale: found.Stale, Extra: found.Extra}) != spoilt || o.Finding.Repair.Unfixed > 0 {
		return fmt.Errorf("of the drift %+v the repair of %s found %+v: the measurement is worth nothing", spoilt, index, found.Verification)
	}
	return nil
}

func (r repairs) run(ctx context.Context, do, target string, shards int, h half) (engine.Outcome, error) {
	spec := r.spec(target, shards)
	spec.Do, spec.Settle = do, settleTime
	o, err := r.runChild(ctx, spec)
	if err != nil {
		return o, err
	}
	m := result.Measurement{
		What: result.What(do), Target: target, Series: h.series, Pair: h.pair, Documents: o.Finding.Verified.Documents,
		Bytes: r.corpus.Bytes(), Seconds: o.Seconds, Figures: o.Figures,
	}
	m.Settings.Connections = r.data.connections
	if done := o.Finding.Repair; done != nil {
		m.Figures["written"], m.Figures["deleted"] = float64(done.Written), float64(done.Deleted)
	}
	return o, r.note(m)
}

// oneCharacter changes one character of one document, and has it found and put right.
func (r repairs) oneCharacter(ctx context.Context, target, index string) error {
	id, err := raw.FlipCharacter(ctx, r.search[target], index, r.corpus)
	if err != nil {
		return err
	}
	o, err := r.run(ctx, engine.Repair, target, r.data.shards, half{})
	if err != nil {
		return err
	}
	v := o.Finding.Verified
	if v.Stale != 1 || v.Missing+v.Extra > 0 || len(v.First) != 1 || v.First[0].ID != id || len(v.First[0].Fields) != 1 {
		return fmt.Errorf("one character of document %s was changed, but found was %+v: %v", id, v.Verification, v.First)
	}
	r.say("one character of %d documents was changed, and found: %s", v.Documents, v.First[0])
	return nil
}
