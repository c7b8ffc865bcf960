package fold_test

import (
	"errors"
	"strings"
	"testing"

	"humpty/sources"
	"humpty/sources/sourcetest"
)

// A topic that was made again has other events where the run has read already, and those before
// its position would be missing.
func TestRecreatedTopicIsAGap(t *testing.T) {
	t.Parallel()
	event := func(key string) sources.Record {
		return sources.Record{Key: []byte(key), Value: []byte(`{"n":1}`), Time: 7}
	}
	for name, when := range map[string]string{"read by the replay": "before", "read by the tail": "behind"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var log, again sourcetest.LogSource
			if when == "before" {
				log.Append(0, event("a"), event("b"))
			}
			feed, err := liveSource(&log, dir).Capture(t.Context(), "run", "")
			if err != nil {
				t.Fatal(err)
			}
			view, err := feed.(sources.ViewOpener).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if when == "behind" {
				log.Append(0, event("a"), event("b"))
			}
			m := sources.ChangeSet{}
			for id, err := feed.Fence(t.Context()); m.Fence != id; err = feed.Next(t.Context(), &m) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(view.Close(t.Context()), feed.Close(t.Context())); err != nil {
				t.Fatal(err)
			}
			log.Append(0, event("c"))
			same, err := liveSource(&log, dir).Capture(t.Context(), "run", m.Position)
			if err != nil {
				t.Fatal(err)
			}
			if err := same.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			again.Append(0, event("x"), event("y"), event("z"))
			var gap *sources.ErrChangesLost
			if _, err := liveSource(&again, dir).Capture(t.Context(), "run", m.Position); !errors.As(err, &gap) || !strings.Contains(err.Error(), "made again") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A log that was cut off in the middle of the batch that was read last, and written again, is
// as it was at the batch's start: the event before the position tells.
func TestLogCutOffInsideABatchIsAGap(t *testing.T) {
	t.Parallel()
	events := func(keys string) (all []sources.Record) {
		for _, key := range strings.Fields(keys) {
			all = append(all, sources.Record{Key: []byte(key), Value: []byte(`{"n":1}`), Time: 7})
		}
		return all
	}
	for name, c := range map[string]struct {
		now string
		gap bool
	}{
		"as it was":                    {"a b c d e", false},
		"cut off behind the first":     {"a x y z e", true},
		"cut off before the last":      {"a b c x e", true},
		"the last alone is another":    {"a b c x", true},
		"compacted, but not the first": {"a b c - e", false},
		"compacted, another first":     {"x b c - e", true},
	} {
		dir := t.TempDir()
		var log, now sourcetest.LogSource
		log.Append(0, events("a b c d")...)
		feed, err := liveSource(&log, dir).Capture(t.Context(), "run", "")
		if err != nil {
			t.Fatal(err)
		}
		view, err := feed.(sources.ViewOpener).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m := sources.ChangeSet{}
		for id, err := feed.Fence(t.Context()); m.Fence != id; err = feed.Next(t.Context(), &m) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(view.Close(t.Context()), feed.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		for _, e := range events(c.now) {
			if string(e.Key) == "-" {
				now.Skip(0)
				continue
			}
			now.Append(0, e)
		}
		var gap *sources.ErrChangesLost
		again, err := liveSource(&now, dir).Capture(t.Context(), "run", m.Position)
		if got := errors.As(err, &gap); got != c.gap || err != nil && !got {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if err := again.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
