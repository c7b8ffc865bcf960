package events

import (
	"bytes"
	"encoding/json"
	"testing"

	"humpty/internal/testenv/devstack"
)

func TestOne(t *testing.T) {
	t.Parallel()
	of := map[string][]string{}
	for n := range 2 * concurrentOrders * PerKey {
		k, v := event(3, n, nil, nil)
		var e struct {
			Type  string
			Order string `json:"order_id"`
		}
		if err := json.Unmarshal(v, &e); err != nil || e.Order != string(k) || len(v) < 200 || len(v) > 300 {
			t.Fatalf("%s (%d bytes): %v", v, len(v), err)
		}
		of[e.Order] = append(of[e.Order], e.Type)
	}
	if len(of) != 2*concurrentOrders {
		t.Errorf("%d orders", len(of))
	}
	for id, all := range of {
		if len(all) != PerKey || all[0] != "OrderPlaced" || all[PerKey-1] != "Delivered" {
			t.Fatalf("%s: %v", id, all)
		}
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{1: 40_000, 50_000: 40_000, 61_000: 80_000, 500_000: 520_000} {
		if got := roundUp(n); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
}

func TestTopic(t *testing.T) {
	t.Parallel()
	const events = 200_000 // more than one answer holds, so that one ends within a batch of the broker's
	topic := NewTopic(devstack.Kafka(t)[0], events)
	topic.Name = devstack.Name(t)
	made, err := topic.Fill(t.Context())
	if err != nil || made.Bytes < 200*events {
		t.Fatalf("%+v, %v", made, err)
	}
	if again, err := topic.Fill(t.Context()); err != nil || again != (FillResult{}) {
		t.Errorf("it was there: %+v, %v", again, err)
	}
	f, err := topic.Fetch(t.Context())
	_, v := event(0, 0, nil, nil)
	if err != nil || f.Events != events || f.Bytes < int64(events*(len(v)-10)) || f.Seconds <= 0 {
		t.Errorf("%+v, %v", f, err)
	}
	topic.Events *= 2
	if _, err := topic.Fill(t.Context()); err == nil || !bytes.Contains([]byte(err.Error()), []byte("50000 events, not 100000")) {
		t.Errorf("another topic: %v", err)
	}
	if err := topic.Delete(t.Context()); err != nil {
		t.Error(err)
	}
}
