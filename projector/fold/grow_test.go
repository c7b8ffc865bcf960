package fold_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// grow gives the topic another partition, to which keys move: the application writes each
// to any of them.
func (w *tailed) grow() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.Add()
	w.history.partitions = append(w.history.partitions, partition{})
	for range 40 {
		if err := w.write(); err != nil {
			return err
		}
	}
	return nil
}

// Partitions that come while a run loads, while nobody reads, and while it is followed are
// read from their start, and their events are in the order that a replay would have.
func TestLiveTopicsTakeInPartitions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w, dir := newLiveTopic(seed), t.TempDir()
			for range 200 {
				if err := w.write(); err != nil {
					t.Fatal(err)
				}
			}
			store := storeIn(t, dir)
			var grown error
			r := &projector.Rebuild{
				Projection: projector.Projection{Name: "orders", Alias: "orders"}, Source: liveSource(&w.log, dir), Target: w.target,
				Owner: sinks.Owner{Run: "run"}, Live: &projector.Live{Checkpoint: store, Writer: projector.WriterFollow},
				Observe: func(e report.Event) {
					if e.Kind == report.Started && (e.Phase == report.PhaseLoad || e.Phase == report.PhaseVerify) {
						grown = errors.Join(grown, w.grow())
					}
				},
			}
			record, err := r.Run(t.Context())
			if err := errors.Join(err, grown, store.Close()); err != nil {
				t.Fatal(err)
			}
			if len(record.Positions) != 5 {
				t.Errorf("positions %v", record.Positions)
			}
			compare(t, w.target, record.Generation, oracle(&w.history, mergeOracle))
			if err := w.grow(); err != nil {
				t.Fatal(err)
			}
			once := false
			err = w.follow(t, dir, func() {
				if !once {
					once, grown = true, w.grow()
				}
			})
			if err := errors.Join(err, grown); err != nil {
				t.Fatal(err)
			}
			compare(t, w.target, record.Generation, oracle(&w.history, mergeOracle))
			if len(w.history.partitions) != 7 {
				t.Errorf("%d partitions", len(w.history.partitions))
			}
		})
	}
}

// What came of a partition that no mark is durable of is marked again: the store has its
// events, but nobody has read their documents since.
func TestPartitionWithoutMarksIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	w, dir := newLiveTopic(5), t.TempDir()
	feed, err := liveSource(&w.log, dir).Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	var before sources.ChangeSet
	reach := func(m *sources.ChangeSet) {
		for id, err := feed.Fence(t.Context()); m.Fence != id; err = feed.Next(t.Context(), m) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	reach(&before)
	if err := w.grow(); err != nil {
		t.Fatal(err)
	}
	reach(&sources.ChangeSet{}) // kept, but these marks are lost with the process
	if err := feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	marked := marksUntilFence(t, liveSource(&w.log, dir), before.Position)
	for p, of := range w.history.partitions {
		for _, e := range of.events {
			if !slices.Contains(marked, string(e.Key)) {
				t.Errorf("key %s of partition %d has no mark", e.Key, p)
			}
		}
	}
}
