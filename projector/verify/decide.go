package verify

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"humpty/sinks"
)

const (
	maxReread  = 1_000_000 // keys; beyond it the first readings stand
	maxSpelled = 50_000    // keys that are opened one by one for their spelling
)

// errSpelling ends a pass over bytes that has to be repeated over canonical forms.
var errSpelling = errors.New("too many documents differ in bytes to open them one by one")

// decide decides which candidates are differences.
func (v *verdict) decide(ctx context.Context, candidates *spool) error {
	switch {
	case candidates.records == 0:
		return nil
	case v.Static:
		return v.decideStatic(ctx, candidates)
	}
	sides, ok := v.openKeyReader()
	if !ok || candidates.records > maxReread {
		v.report.Why = "the documents that differed could not be read again: some may have been on their way"
		return candidates.each(func(b []byte) error { return v.addDifference(decodeCandidate(b)) })
	}
	return newRest(v, sides).decide(ctx, candidates)
}

// decideStatic has nothing to wait for: only spellings are to be told from meanings.
func (v *verdict) decideStatic(ctx context.Context, candidates *spool) error {
	if v.canonical {
		return candidates.each(func(b []byte) error { return v.addDifference(decodeCandidate(b)) })
	}
	var stale int64
	err := candidates.each(func(b []byte) error {
		if b[0] == Stale[0] {
			stale++
		}
		return nil
	})
	sides, ok := v.openKeyReader()
	if err != nil || stale > 0 && !ok || stale > maxSpelled {
		return errors.Join(err, errSpelling)
	}
	return v.batches(candidates, func(all []candidate) error {
		var open []sinks.Key
		for _, c := range all {
			if c.kind == Stale {
				open = append(open, c.docKey())
			}
		}
		readings, err := sides.Read(ctx, open)
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.kind == Stale {
				r := readings[0]
				readings = readings[1:]
				c.kind = r.Kind
				switch same := bytes.Equal(r.Want, r.Have); {
				case c.kind == "" && same:
					c.kind = Stale // a scan shows another document than a read by id: so will a search
				case c.kind == "":
					continue
				}
			}
			if err := v.addDifference(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// batches calls fn with as many candidates as are read together.
func (v *verdict) batches(candidates *spool, fn func([]candidate) error) error {
	var all []candidate
	flush := func() error {
		if len(all) == 0 {
			return nil
		}
		err := fn(all)
		all = all[:0]
		return err
	}
	err := candidates.each(func(b []byte) error {
		all = append(all, decodeCandidate(slices.Clone(b)))
		if len(all) < v.keyBatchSize() {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
