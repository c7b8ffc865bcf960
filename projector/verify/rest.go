package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"humpty/internal/wait"
	"humpty/sinks"
	"humpty/sources"
)

const (
	maxMovingShown = 10

	// mostMoving: if more than one document in so many never rests, the comparison is not full.
	mostMoving = 1000

	maxRounds       = 4                // settle times, before a key is called moving
	maxCatchUps     = 20               // the same, of an index that only the caller writes to
	catchUpPatience = 30 * time.Second // then, once there were maxRounds of them

	// restsThrough is through how many catch-ups in a row a document stays as it is, unwritten,
	// before it counts as different. One proves it for the document's own row. The second is for
	// rows of includes: which documents a mark of theirs concerns is asked after both sides
	// were read, and that can have changed in between.
	restsThrough = 2

	// settleSteps is how often keys are read in a settle time, where there are few.
	settleSteps = 4
	fewKeys     = 10_000
)

// rest tells documents that differ from those that are on their way. Two readings of a document
// are never at the same moment, and one that changes to and fro shows the same state twice
// although it changed in between. So a document counts as different only if it stays as it is
// on both sides, and nobody wrote it, while everything arrives that was under way when it was read.
type rest struct {
	*verdict
	sides *KeyReader
	hash  hasher
	steps int // readings in a settle time

	written map[uint64]bool // of the documents that are left, by the hash of their ids: written since they were read
}

func newRest(v *verdict, sides *KeyReader) *rest {
	return &rest{verdict: v, sides: sides, hash: v.hasher()}
}

// decide reads candidates again until each is equal, or differs at rest, or patience ends.
func (r *rest) decide(ctx context.Context, candidates *spool) error {
	left, err := r.read(ctx, candidates)
	r.steps = settleSteps
	if _, replays := r.Source.(sources.Replayer); replays || left.records > fewKeys { // a reading costs too much
		r.steps = 1
	}
	began, pause := time.Now(), wait.NewBackoff(catchUpPatience)
	for n := 0; err == nil && left.records > 0 && r.patient(n, began); n++ {
		if err = r.settle(ctx, pause); err != nil {
			break
		}
		before := left
		left, err = r.read(ctx, before)
		err = errors.Join(err, before.close())
	}
	if err == nil {
		err = r.addMoving(left)
	}
	return errors.Join(err, left.close())
}

// patient reports whether it is worth while to read once more, after n times.
func (r *rest) patient(n int, began time.Time) bool {
	if r.CatchUp == nil {
		return n < maxRounds*r.steps
	}
	return n < maxRounds || n < maxCatchUps && time.Since(began) < catchUpPatience
}

// settle returns when what was under way had the time to arrive, or a part of that time.
func (r *rest) settle(ctx context.Context, pause *wait.Backoff) error {
	if r.CatchUp == nil {
		return wait.For(ctx, r.SettleTime/time.Duration(r.steps))
	}
	if _, err := pause.Wait(ctx); err != nil { // what changes in a rhythm is met at another beat
		return err
	}
	return r.CatchUp(ctx, func(ids [][]byte) {
		for _, id := range ids {
			if hash := xxh3.Hash(id); r.isLeft(hash) {
				r.written[hash] = true
			}
		}
	})
}

func (r *rest) isLeft(hash uint64) bool {
	_, left := r.written[hash]
	return left
}

// read reads keys again; those that are neither equal nor at rest are left.
func (r *rest) read(ctx context.Context, candidates *spool) (left *spool, err error) {
	left = newSpool(r.TempDir)
	written, first := r.written, r.written == nil // what a pass saw was not read by key
	r.written = map[uint64]bool{}
	err = r.batches(candidates, func(all []candidate) error {
		keys := make([]sinks.Key, len(all))
		for i, c := range all {
			keys[i] = c.docKey()
		}
		readings, err := r.sides.Read(ctx, keys)
		if err != nil {
			return err
		}
		for i := range readings {
			id := xxh3.Hash(readings[i].ID)
			if err := r.judge(all[i], &readings[i], first || written[id], left); err != nil {
				return err
			}
		}
		return nil
	})
	return left, err
}

// judge decides on one reading: the document is equal, or differs at rest, or is left.
func (r *rest) judge(c candidate, now *Reading, written bool, left *spool) error {
	if now.Kind == "" {
		r.report.Moved++
		return nil
	}
	hashes := r.hash.hashReading(now)
	if now.SeqNo != "" { // who writes the same body again writes, too
		state := xxh3.Hash128Seed([]byte(now.SeqNo), hashes[1].Lo)
		hashes[1].Hi, hashes[1].Lo = hashes[1].Hi^state.Hi, hashes[1].Lo^state.Lo
	}
	if hashes == c.hashes && !written {
		c.rested++
	} else {
		c.rested, c.hashes = 0, hashes
	}
	if c.rested > 0 && c.rested >= r.enough(now) {
		c.kind, c.reading = now.Kind, now
		return r.addDifference(c)
	}
	r.written[xxh3.Hash(now.ID)] = false
	return left.add(c.encode())
}

// enough is how often in a row a document must be found as it was.
func (r *rest) enough(now *Reading) byte {
	switch {
	case r.CatchUp != nil:
		return restsThrough
	case r.steps == 1 && now.SeqNo == "": // nothing says that it was not written and deleted again in between
		return maxRounds - 1
	}
	return byte(r.steps)
}

// addMoving books documents that never rested.
func (r *rest) addMoving(left *spool) error {
	r.report.Moving = left.records
	return left.each(func(b []byte) error {
		if len(r.report.MovingIDs) < maxMovingShown {
			r.report.MovingIDs = append(r.report.MovingIDs, string(decodeCandidate(b).docKey().ID))
		}
		return nil
	})
}

// judgeMoving lowers the level where more than one in a thousand of the documents never rested.
func (v *verdict) judgeMoving(compared int64) {
	r := &v.report
	if r.Moving*mostMoving <= compared {
		return
	}
	r.lower(partial, Level(r.Level), fmt.Sprintf("%d of %d documents changed each time they were read, and were not compared: more than one in %d",
		r.Moving, compared, mostMoving))
}
