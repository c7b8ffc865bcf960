package kafka_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// A tail goes on behind the fence: what is committed comes, in order and once, what was
// aborted does not, and its position reaches the end that the log has then.
func TestTail(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	b := newBus(t, brokers, kgo.TransactionalID(devstack.Name(t)))
	topic := b.topic(1)
	b.transaction(true, some(topic, 0, "before", 5)...)
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
	tailer, _ := view.(sources.Tailer)
	fenced, _ := view.(sources.EndOffsets)
	id := plan.Partitions[0].ID
	r, err := tailer.Tail(t.Context(), plan.Partitions[0], fenced.EndOffsets()[id])
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	b.transaction(true, some(topic, 0, "first", 3)...)
	b.transaction(false, some(topic, 0, "aborted", 3)...)
	b.transaction(true, some(topic, 0, "second", 2)...)
	b.transaction(false, some(topic, 0, "aborted", 1)...)
	want := []string{"first0", "first1", "first2", "second0", "second1"}
	var got []string
	var at sources.Position
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for batch := (&sources.Batch{Limit: 1 << 20}); ; {
		batch.Reset()
		if err := r.Next(ctx, batch); err != nil {
			t.Fatal(err, got)
		}
		for _, e := range batch.Records {
			got = append(got, string(e.Value))
		}
		ends, err := tailer.LatestOffsets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if at = batch.Position; len(got) >= len(want) && tailer.OffsetLag(at, ends[id]) == 0 {
			break
		}
	}
	if fence := fenced.EndOffsets()[id]; !slices.Equal(withoutBefore(got), want) || tailer.OffsetLag(fence, at) < 7 {
		t.Errorf("%v, position %s behind %s", got, at, fence)
	}
}

// What an application wrote in a transaction counts as committed to it before the broker
// gives it to readers; until it is over nobody else can tell. So an end is behind it, and
// is reached with it.
func TestTailEndsBehindTransactionsUnderWay(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	b := newBus(t, brokers, kgo.TransactionalID(devstack.Name(t)))
	topic := b.topic(1)
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
	tailer, _ := view.(sources.Tailer)
	r, err := tailer.Tail(t.Context(), plan.Partitions[0], "0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(context.WithoutCancel(t.Context())) }()
	if err := b.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	b.put(some(topic, 0, "v", 3)...)
	ends, err := tailer.LatestOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := ends[plan.Partitions[0].ID]
	batch := &sources.Batch{Limit: 1 << 20}
	if err := r.Next(t.Context(), batch); err != nil || len(batch.Records) > 0 || tailer.OffsetLag(batch.Position, end) == 0 {
		t.Errorf("while it is under way: %d records, at %s of %s, %v", len(batch.Records), batch.Position, end, err)
	}
	if err := b.client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for found := 0; tailer.OffsetLag(batch.Position, end) > 0; found += len(batch.Records) {
		batch.Reset()
		if err := r.Next(ctx, batch); err != nil {
			t.Fatal(found, err)
		}
		if tailer.OffsetLag(batch.Position, end) == 0 && found+len(batch.Records) != 3 {
			t.Errorf("the end was reached with %d of 3 records", found+len(batch.Records))
		}
	}
}

// withoutBefore leaves out what may come behind a fence that was taken before the markers
// of a committed transaction were written.
func withoutBefore(values []string) []string {
	return slices.DeleteFunc(values, func(v string) bool { return len(v) > 6 && v[:6] == "before" })
}

// A position that retention has passed is a gap.
func TestTailWithAGap(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	b := newBus(t, brokers)
	topic := b.topic(1)
	b.put(some(topic, 0, "v", 10)...)
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
	tailer, _ := view.(sources.Tailer)
	r, err := tailer.Tail(t.Context(), plan.Partitions[0], "2")
	if err != nil {
		t.Fatal(err)
	}
	b.deleteBefore(topic, 0, 5)
	var gap *sources.ErrChangesLost
	if err := r.Next(t.Context(), &sources.Batch{Limit: 1 << 20}); !errors.As(err, &gap) {
		t.Errorf("error %v", err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Partitions that are added are no gap for who tails: they are read from their start.
func TestTailTakesInPartitions(t *testing.T) {
	t.Parallel()
	brokers := devstack.Kafka(t)
	b := newBus(t, brokers)
	topic := b.topic(1)
	b.put(some(topic, 0, "v", 3)...)
	_, plan, view := open(t, kafka.Config{Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}})
	tailer, _ := view.(sources.Tailer)
	r, err := tailer.Tail(t.Context(), plan.Partitions[0], "2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(context.WithoutCancel(t.Context())) }()
	b.partitions(topic, 2)
	ends := map[string]sources.Position{}
	for len(ends) < 2 { // brokers hear of it one after the other
		if ends, err = tailer.LatestOffsets(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	newBus(t, brokers).put(rec(topic, 1, "k", "new")) // the old client does not know it yet
	if ends, err = tailer.LatestOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := topic + "/1"
	if at := tailer.BeginningOffset(id); withoutTopic(t, at) != "0" || ends[id] != "1" {
		t.Errorf("it begins at %q and ends at %q", at, ends[id])
	}
	added, err := tailer.Tail(t.Context(), sources.Partition{ID: id}, tailer.BeginningOffset(id))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = added.Close(context.WithoutCancel(t.Context())) }()
	for _, of := range []sources.Reader{r, added} {
		batch := sources.Batch{Limit: 1 << 20}
		if err := of.Next(t.Context(), &batch); err != nil || len(batch.Records) != 1 {
			t.Errorf("%d records, %v", len(batch.Records), err)
		}
	}
	if _, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil {
		t.Errorf("the replay beside it: %v", err)
	}
}
