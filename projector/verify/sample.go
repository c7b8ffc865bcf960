package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/zeebo/xxh3"

	"humpty/sinks"
)

// sample compares random documents of the index, and the two counts.
func (k *check) sample(ctx context.Context) (Report, error) {
	n := sampleSize(confidence, share)
	if k.rules.Sample > 0 {
		n = k.rules.Sample
	}
	sides, ok := k.openKeyReader()
	if !ok {
		report, err := k.count(ctx)
		report.lower(Count, Sample, "source or target cannot read single documents")
		return report, err
	}
	counted, err := k.count(ctx)
	if err != nil {
		return counted, err
	}
	if counted.Documents <= int64(n) && k.Level == Sample {
		report, err := k.full(ctx)
		report.lower(Level(report.Level), Sample, fmt.Sprintf("a sample of %d would be everything", n))
		return report, err
	}
	return k.compareSample(ctx, sides, n, counted)
}

func (k *check) compareSample(ctx context.Context, sides *KeyReader, n int, counted Report) (Report, error) {
	k.canonical = true
	v := &verdict{check: k}
	candidates, hash := newSpool(k.TempDir), k.hasher()
	var read int64
	err := k.random(ctx, n, func(keys []sinks.Key) error {
		readings, err := sides.Read(ctx, keys)
		if err != nil {
			return err
		}
		read += int64(len(keys))
		for _, r := range readings {
			if (r.Kind == Stale || r.Kind == Extra) && !knownRefused(k.Refusals, &r) {
				c := candidate{kind: r.Kind, hashes: hash.hashReading(&r), key: appendKey(nil, r.ID, effectiveRouting(r.ID, r.Routing))}
				if err := candidates.add(c.encode()); err != nil {
					return err
				}
			}
		}
		if k.Progress != nil {
			k.Progress(read, 0)
		}
		return nil
	})
	if err == nil {
		err = v.decide(ctx, candidates)
	}
	if err = errors.Join(err, candidates.close()); err != nil {
		return counted, fmt.Errorf("compare a sample: %w", err)
	}
	report, err := v.finish(ctx)
	report.Level, report.Documents, report.Sampled = string(Sample), counted.Documents, read
	report.Missing += counted.Missing
	report.Extra = max(report.Extra, counted.Extra)
	report.Rejected = counted.Rejected
	v.report = report
	v.judgeMoving(read)
	if report = v.report; !report.Differs() && report.Level == string(Sample) && read-report.Moving >= int64(n) {
		report.Proves = sampleClaim
		if report.Moving > 0 {
			report.Proves += ", of those that do not change all the time"
		}
	}
	return report, err
}

// random calls fn with the keys of about n random documents of the index, by the hundred.
func (k *check) random(ctx context.Context, n int, fn func([]sinks.Key) error) error {
	seed, threshold := rand.Uint64(), 2.0
	sample := func(fn func([]sinks.Document) error) error { return k.Index.Scan(ctx, 0, 1, fn) }
	if sampler, ok := k.Index.(sinks.Sampler); ok {
		sample = func(fn func([]sinks.Document) error) error { return sampler.Sample(ctx, n, seed, fn) }
	} else {
		count, err := k.Index.Count(ctx)
		if err != nil {
			return err
		}
		size := float64(n) + 4*math.Sqrt(float64(n)) // at least n, but for bad luck
		threshold = size / float64(max(count, 1))
	}
	var some []sinks.Key
	flush := func() error {
		if len(some) == 0 {
			return nil
		}
		defer func() { some = some[:0] }()
		return fn(some)
	}
	err := sample(func(docs []sinks.Document) error {
		for _, d := range docs {
			if float64(xxh3.HashSeed(d.ID, seed)>>11)/(1<<53) < threshold {
				some = append(some, sinks.Key{ID: bytes.Clone(d.ID), Routing: bytes.Clone(d.Routing)})
			}
			if len(some) == k.keyBatchSize() {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
