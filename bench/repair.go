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

// settling is how long a verification waits before it calls a document different that
// somebody may just be writing. Nobody writes here: what is measured is the work.
const settling = 100 * time.Millisecond

// age makes an index what one that serves is: written to, with documents deleted from its
// segments. The server reads back the pages of one that nobody has written to since its
// rebuild at about half the cost, which a repair, after drift, never finds.
func (l *lab) age(ctx context.Context, target, index string, shards int) error {
	if _, err := raw.Spoil(ctx, l.search[target], index, l.corpus, drift); err != nil {
		return err
	}
	return l.uncounted(func() error {
		_, err := l.examine(ctx, engine.Repair, target, shards, half{})
		return err
	})
}

// repairs pairs the verification of an aged index, which is right and serves, with its
// repair after drift.
func (l *lab) repairs(ctx context.Context, target, index string, shards, pair int) error {
	h := half{figure.SeriesRepair, pair}
	right, err := l.examine(ctx, engine.Verify, target, shards, h)
	if err != nil {
		return err
	}
	if v := right.Finding.Verified; v.Differs() || v.Documents != l.corpus.Documents() {
		return fmt.Errorf("index %s was to be right, but %+v", index, v.Verification)
	}
	spoilt, err := raw.Spoil(ctx, l.search[target], index, l.corpus, drift)
	if err != nil {
		return err
	}
	o, err := l.examine(ctx, engine.Repair, target, shards, h)
	if err != nil {
		return err
	}
	found := o.Finding.Verified
	if (raw.Drift{Missing: found.Missing, Stale: found.Stale, Extra: found.Extra}) != spoilt || o.Finding.Repair.Unfixed > 0 {
		return fmt.Errorf("of the drift %+v the repair of %s found %+v: the measurement is worth nothing", spoilt, index, found.Verification)
	}
	return nil
}

func (l *lab) examine(ctx context.Context, do, target string, shards int, h half) (engine.Outcome, error) {
	spec := l.spec(target, shards)
	spec.Do, spec.Settle = do, settling
	o, err := l.alone(ctx, spec)
	if err != nil {
		return o, err
	}
	m := result.Measurement{
		What: result.What(do), Target: target, Series: h.series, Pair: h.pair, Documents: o.Finding.Verified.Documents,
		Bytes: l.corpus.Bytes(), Seconds: o.Seconds, Figures: o.Figures,
	}
	m.Settings.Connections = l.data.connections
	if r := o.Finding.Repair; r != nil {
		m.Figures["written"], m.Figures["deleted"] = float64(r.Written), float64(r.Deleted)
	}
	return o, l.note(m)
}
