package kafka_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// A topic whose beginning is gone, or that is compacted, has not the events that documents
// are made of: reading it as a whole is refused unless the definition accepts it.
func TestTopicsWithoutTheirBeginning(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	whole, cut, gone := b.topic(1), b.topic(2), b.topic(1)
	compacted := b.topic(1, "cleanup.policy", "compact")
	for _, topic := range []string{whole, cut, gone, compacted} {
		b.put(some(topic, 0, "v", 10)...)
	}
	b.put(some(cut, 1, "v", 3)...)
	b.deleteBefore(cut, 0, 4)
	b.deleteBefore(gone, 0, 10)
	since := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		topic kafka.Topic
		want  string // empty: it is read
	}{
		"whole":                       {kafka.Topic{Name: whole}, ""},
		"cut":                         {kafka.Topic{Name: cut}, "the beginning of topic " + cut + " is gone, and the documents are made of all of its events: it begins with " + cut + "/0 at 4"},
		"cut, for the newest":         {kafka.Topic{Name: cut, History: kafka.Newest}, "the beginning of topic " + cut + " is gone"},
		"cut, accepted":               {kafka.Topic{Name: cut, History: kafka.Truncated}, ""},
		"cut, since":                  {kafka.Topic{Name: cut, Since: since}, ""},
		"cut, at an offset":           {kafka.Topic{Name: cut, Offsets: map[int32]int64{0: 6}}, ""},
		"cut, another at an offset":   {kafka.Topic{Name: cut, Offsets: map[int32]int64{1: 1}}, cut + "/0 at 4"},
		"gone":                        {kafka.Topic{Name: gone}, "nothing is left of topic " + gone},
		"gone, accepted":              {kafka.Topic{Name: gone, History: kafka.Truncated}, "nothing is left of topic " + gone},
		"gone, since":                 {kafka.Topic{Name: gone, Since: since}, "nothing is left of topic " + gone},
		"compacted":                   {kafka.Topic{Name: compacted}, "topic " + compacted + " is compacted (cleanup.policy=compact)"},
		"compacted, for the newest":   {kafka.Topic{Name: compacted, History: kafka.Newest}, ""},
		"compacted, accepted":         {kafka.Topic{Name: compacted, History: kafka.Truncated}, ""},
		"compacted, since":            {kafka.Topic{Name: compacted, Since: since}, ""},
		"compacted, one at an offset": {kafka.Topic{Name: compacted, Offsets: map[int32]int64{0: 1}}, ""},
	} {
		c.topic.Place = "humpty.yaml:3:4"
		_, plan, _ := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{c.topic}})
		err := plan.Refusal()
		var refusal *problem.Refusal
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "":
			if contains(t, name, err, "humpty.yaml:3:4: ", c.want); !errors.As(err, &refusal) || refusal.Remedy == "" {
				t.Errorf("%s: %v (%T) is no refusal with a remedy", name, err, err)
			}
		}
	}
	_, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: cut}}})
	if got, want := plan.Starts[cut+"/0"], (sources.LogStart{Begins: "4", Read: "4"}); got != want {
		t.Errorf("it starts at %+v, not %+v", got, want)
	}
	if _, err := view.Read(t.Context(), plan.Partitions[0], ""); err == nil {
		t.Error("a reader begins in the middle")
	} else {
		contains(t, "read", err, "begins at 4", "accept_truncated")
	}
	if events, _, err := drain(t, view, plan.Partitions[0], "4", 1<<20); err != nil || len(events) != 6 {
		t.Errorf("from a position: %v, %v", values(events), err)
	}
}

// A plan says of each partition what there is, and for how long.
func TestWhatThereIsAndForHowLong(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	kept := b.topic(2, "retention.ms", "3600000")
	forever := b.topic(1, "cleanup.policy", "compact,delete", "retention.ms", "-1", "retention.bytes", "1000000")
	r := rec(kept, 0, "k", "v")
	r.Timestamp = time.Now().Add(-10*time.Minute - 5*time.Second)
	b.put(r, rec(forever, 0, "k", "v"))
	_, plan, _ := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: kept}, {Name: forever, History: kafka.Newest}}})
	notes := strings.Join(plan.Notes, "\n")
	for _, want := range []string{
		"partition " + kept + "/0 has the offsets 0 to 1, cleanup.policy delete, its oldest event is deleted in 50m0s or later",
		"partition " + kept + "/1 has the offsets 0 to 0, cleanup.policy delete, events are kept for 1h0m0s",
		"partition " + forever + "/0 has the offsets 0 to 1, cleanup.policy compact,delete, retention.bytes 1000000, no retention by time",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%s\nhas nothing of %s", notes, want)
		}
	}
}

// Where the policy cannot be read, that is said: what is compacted cannot be told from what
// is not.
func TestPoliciesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	cluster := fake(t, kfake.NumBrokers(1))
	newBus(t, cluster.ListenAddrs()).put(rec("events", 0, "k", "v"))
	cluster.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked, _ := request.(*kmsg.DescribeConfigsRequest)
		answer, _ := asked.ResponseKind().(*kmsg.DescribeConfigsResponse)
		r := kmsg.NewDescribeConfigsResponseResource()
		r.ResourceType, r.ResourceName, r.ErrorCode = asked.Resources[0].ResourceType, asked.Resources[0].ResourceName, kerr.TopicAuthorizationFailed.Code
		answer.Resources = append(answer.Resources, r)
		return answer, nil, true
	})
	for history, want := range map[kafka.History]int{kafka.Complete: 1, kafka.Newest: 0, kafka.Truncated: 0} {
		_, plan, _ := open(t, kafka.Config{Brokers: cluster.ListenAddrs(), Topics: []kafka.Topic{{Name: "events", History: history}}})
		if err := plan.Refusal(); err != nil || len(plan.Warnings) != want || !strings.Contains(plan.Notes[0], "its cleanup.policy is not known") {
			t.Errorf("%v: %v, %+v", history, err, plan)
		}
	}
}

// policy sets the cleanup.policy of a topic.
func (b *bus) policy(topic, policy string) {
	b.t.Helper()
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "cleanup.policy", &policy
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kmsg.ConfigResourceTypeTopic, topic, append(r.Configs, c)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, r)
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Resources[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for got := ""; got != policy; { // brokers hear of it later
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, topic, []string{"cleanup.policy"}
		ask := kmsg.NewPtrDescribeConfigsRequest()
		ask.Resources = append(ask.Resources, resource)
		answer, err := ask.RequestWith(b.t.Context(), b.client)
		if err != nil {
			b.t.Fatal(err)
		}
		got = *answer.Resources[0].Configs[0].Value
	}
}

// A topic that becomes compacted while it is read ends the run of a fold that needs every
// event: at the end of a replay, at a fence.
func TestTopicBecomesCompacted(t *testing.T) {
	t.Parallel()
	b := newBus(t, devstack.Kafka(t))
	for history, want := range map[kafka.History]string{
		kafka.Complete: "is compacted now (cleanup.policy=compact), and was not when the read began", kafka.Newest: "", kafka.Truncated: "",
	} {
		topic := b.topic(1)
		b.put(some(topic, 0, "v", 5)...)
		s, plan, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic, History: history}}})
		tailer, _ := view.(sources.Tailer)
		b.policy(topic, "compact")
		_, _, replay := drain(t, view, plan.Partitions[0], "", 1<<20)
		_, fence := tailer.LatestOffsets(t.Context())
		for name, err := range map[string]error{"replay": replay, "fence": fence} {
			var gap *sources.ErrChangesLost
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case want != "":
				if contains(t, name, err, topic, want, "--add-config cleanup.policy=delete"); !errors.As(err, &gap) || s.IsUnavailable(err) {
					t.Errorf("%s: %v (%T) is no gap", name, err, err)
				}
			}
		}
	}
}

// onceCompacted reads what compaction left of a topic that is not compacted any more: its
// holes say that events are missing.
func onceCompacted(t *testing.T, b *bus, topic string, compacted sources.View, p sources.Partition) {
	b.policy(topic, "delete")
	s, _, view := open(t, kafka.Config{Brokers: b.brokers, Topics: []kafka.Topic{{Name: topic}}})
	_, _, err := drain(t, view, p, "", 1<<20)
	var refusal *problem.Refusal
	if contains(t, "a hole", err, topic, "has no records at the offsets 0 to 0 of partition 0", "it is compacted, or was"); !errors.As(err, &refusal) || s.IsUnavailable(err) || !strings.Contains(refusal.Remedy, "accept_truncated: true") {
		t.Errorf("a hole: %v (%T)", err, err)
	}
	tailer, _ := view.(sources.Tailer)
	tail, err := tailer.Tail(t.Context(), p, "0")
	if err != nil {
		t.Fatal(err)
	}
	var gap *sources.ErrChangesLost
	err = tail.Next(t.Context(), &sources.Batch{Limit: 1 << 20})
	if contains(t, "a hole in a tail", err, "has no records at the offsets"); !errors.As(err, &gap) {
		t.Errorf("a hole in a tail: %v (%T)", err, err)
	}
	if err := tail.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, _, err := drain(t, compacted, p, "", 1<<20); err != nil {
		t.Errorf("for the newest: %v", err)
	}
}
