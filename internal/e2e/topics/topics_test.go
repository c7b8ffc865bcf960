//go:build unix

package topics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const tables = `
CREATE TABLE account (id bigint PRIMARY KEY, code uuid NOT NULL, region text NOT NULL, no numeric(6,2) NOT NULL, stamp bigint NOT NULL DEFAULT 0);
CREATE TABLE device (serial text PRIMARY KEY, account_id bigint, stamp bigint NOT NULL DEFAULT 0);
CREATE TABLE maker (id bigint PRIMARY KEY, serial text NOT NULL, name text NOT NULL);
CREATE INDEX ON account (region, no); CREATE INDEX ON device (account_id); CREATE INDEX ON maker (serial);
ALTER TABLE account REPLICA IDENTITY FULL; ALTER TABLE device REPLICA IDENTITY FULL; ALTER TABLE maker REPLICA IDENTITY FULL;
INSERT INTO account SELECT i, ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, (array['north','a:b','c\d','ü'])[i % 4 + 1], i % 7 FROM generate_series(0, 59) i;
INSERT INTO device SELECT 's' || i, i * 13 % 90 FROM generate_series(0, 119) i;
INSERT INTO maker SELECT i, 's' || i % 130, 'maker ' || i FROM generate_series(0, 199) i;
ANALYZE;`

const config = `version: 1
sources:
  shop: {postgres: {dsn: "${SHOP_DSN}"}}
  bus: {kafka: {brokers: ["${BROKER}"]}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
x-index: &index {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: false}}
projections:
  accounts:                                 # tables, with what topics fold to
    target: search
    alias: ${ALIAS}
    index: *index
    consistency: live
    writer: follow
    document:
      from: shop.account
      columns: [id, code, region, no, stamp]
      include:
        devices: {from: shop.device, on: {account_id: id}, many: true, columns: [serial, stamp], order_by: [serial], include: {
          state: {from: "bus.${STATES}", on: {serial: serial}, many: true}}}
        visits: {from: "bus.${VISITS}", type: type, key: "header:visit", on: {code: code}, many: true, order_by: [n desc], handlers: {
          Began: [{set: code, from: code}, {set: n, from: n}], Ended: [{delete: true}]}}
        seats: {from: "bus.${STATES}", on: {region: region, no: no}, many: true, order_by: [load]}
        profile: {from: "bus.${PROFILES}", fold: merge, one: true}
  trips:                                    # events, with what tables have
    target: search
    alias: ${ALIAS}-trips
    index: *index
    consistency: live
    writer: follow
    document:
      from: "bus.${PROFILES}"
      fold: merge
      include:
        buyer: {from: shop.account, on: {id: account}, one: true, columns: [code, stamp], include: {
          devices: {from: shop.device, on: {account_id: id}, many: true, columns: [serial, stamp], order_by: [serial], include: {
            makers: {from: shop.maker, on: {serial: serial}, many: true, columns: [name], order_by: [id]}}}}}
        seats: {from: shop.account, on: {region: place.region, no: place.no}, many: true, values: code, where: "no > 0", order_by: [id]}
        states: {from: "bus.${STATES}", on: {region: place.region}, many: true, order_by: [no]}
`

// world is the servers, and an application that writes to tables and topics.
type world struct {
	*rig.Shop
	client *kgo.Client
	topics map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	brokers := devstack.Kafka(t)
	w := &world{Shop: rig.New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, devstack.Elasticsearch(t))}
	var err error
	w.client, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(devstack.Name(t)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(1000), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	w.topics = map[string]string{}
	for _, topic := range []string{"STATES", "VISITS", "PROFILES"} {
		w.topics[topic] = w.topic(t, 3)
		w.Env[topic] = w.topics[topic]
	}
	w.Env["BROKER"] = brokers[0]
	w.Write(t, "humpty.yaml", config)
	w.SQL(t, tables)
	t.Cleanup(func() {
		w.RequestWith(context.WithoutCancel(t.Context()), t, "DELETE", "/"+w.Alias+"-trips-*?expand_wildcards=all", "")
	})
	return w
}

func (w *world) topic(t *testing.T, partitions int32) string {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = devstack.Name(t), partitions, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 10_000
	answer, err := request.RequestWith(t.Context(), w.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return topic.Topic
}

// event is one of the application's, to a partition that its key decides.
func (w *world) event(rng *rand.Rand, n int) *kgo.Record {
	region := []string{"north", "a:b", `c\\d`, "ü"}[rng.IntN(4)]
	r := &kgo.Record{}
	switch rng.IntN(3) {
	case 0:
		serial := fmt.Sprint("s", rng.IntN(150))
		r.Topic, r.Key = w.topics["STATES"], []byte(serial)
		r.Value = fmt.Appendf(nil, `{"serial":%q,"load":%d,"region":"%s","no":%d}`, serial, n, region, rng.IntN(9))
	case 1:
		visit := fmt.Sprint("v", rng.IntN(120))
		r.Topic, r.Key = w.topics["VISITS"], []byte(visit)
		r.Headers = []kgo.RecordHeader{{Key: "visit", Value: []byte(visit)}}
		r.Value = fmt.Appendf(nil, `{"type":"Began","code":"00000000-0000-4000-8000-%012d","n":%d}`, rng.IntN(60), n)
		if rng.IntN(4) == 0 {
			r.Value = []byte(`{"type":"Ended"}`)
		}
	default:
		id := fmt.Sprint(rng.IntN(120))
		r.Topic, r.Key = w.topics["PROFILES"], []byte(id)
		r.Value = fmt.Appendf(nil, []string{`{"account":%d,"n":%d}`, `{"account":"%d","n":%d}`, `{"account":"no number %d","n":%d}`}[rng.IntN(3)], rng.IntN(70), n)
		if rng.IntN(3) == 0 {
			r.Value = fmt.Appendf(nil, `{"place":{"region":"%s","no":%d.0},"n":%d}`, region, rng.IntN(9), n)
		}
	}
	if rng.IntN(10) == 0 {
		r.Value = nil
		if r.Topic == w.topics["VISITS"] {
			r.Value = []byte(`{"type":"Ended"}`)
		}
	}
	for _, c := range r.Key {
		r.Partition = (r.Partition*7 + int32(c)) % 3
	}
	return r
}

// transaction writes a few events, and commits them or not.
func (w *world) transaction(ctx context.Context, rng *rand.Rand, n int) error {
	if err := w.client.BeginTransaction(); err != nil {
		return err
	}
	for i := range 1 + rng.IntN(8) {
		if err := w.client.ProduceSync(ctx, w.event(rng, 10*n+i)).FirstErr(); err != nil {
			return err
		}
	}
	return w.client.EndTransaction(ctx, kgo.TransactionEndTry(rng.IntN(4) > 0))
}

// change is one of the application's, with values that do not come twice: what is the same
// in two readings has not changed between them.
func change(rng *rand.Rand, n int) string {
	id := rng.IntN(70)
	switch rng.IntN(8) {
	case 0:
		return fmt.Sprintf("DELETE FROM account WHERE id = %d", id)
	case 1, 2:
		return fmt.Sprintf("UPDATE device SET account_id = %d, stamp = %d WHERE serial = 's%d'", id, n, rng.IntN(130))
	case 3:
		return fmt.Sprintf("INSERT INTO device VALUES ('s%d', %d, %d) ON CONFLICT DO NOTHING", rng.IntN(150), id, n)
	case 4:
		return fmt.Sprintf("DELETE FROM device WHERE serial = 's%d'", rng.IntN(130))
	case 5:
		return fmt.Sprintf("UPDATE maker SET serial = 's%d', name = 'again %d' WHERE id = %d", rng.IntN(130), n, rng.IntN(200))
	case 6:
		return fmt.Sprintf("UPDATE account SET region = 'north', no = %d, stamp = %d WHERE id = %d", rng.IntN(9), n, id)
	}
	return fmt.Sprintf("INSERT INTO account VALUES (%d, '00000000-0000-4000-8000-%012d', 'a:b', %d, %d) ON CONFLICT (id) DO UPDATE SET no = excluded.no, stamp = excluded.stamp", id, id, rng.IntN(9), n)
}

// busy writes to tables and topics until stop is called.
func (w *world) busy(t *testing.T, seed uint64) (stop func()) {
	t.Helper()
	tables := w.Shop.Busy(t, seed, change)
	end := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		rng := rand.New(rand.NewPCG(seed, 3))
		for n := 100; ; n++ {
			select {
			case <-end:
				return nil
			case <-time.After(time.Duration(rng.IntN(10+n/rig.Fatigue)) * time.Millisecond):
			}
			if err := w.transaction(t.Context(), rng, n); err != nil {
				return err
			}
		}
	})
	return func() {
		t.Helper()
		close(end)
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if tables() == 0 {
			t.Error("nothing was changed meanwhile")
		}
	}
}

// Documents of tables with topics, and of events with tables, are built beside writers that
// never stop, through a kill -9 of the program, and followed. At rest both are what a
// reading of everything from the start says.
func TestMixedDocumentsLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := range 60 {
		if err := w.transaction(t.Context(), rng, n); err != nil {
			t.Fatal(err)
		}
	}
	stop := w.busy(t, seed)
	for _, p := range []string{"accounts", "trips"} {
		first := w.Command(t, "rebuild", p, "--quiet")
		a := rig.EndOrKill(t, first, time.Duration(300+rng.IntN(1500))*time.Millisecond)
		if a.Code == rig.Killed {
			a = w.resume(t, p)
		}
		if a.Code != 0 { // nothing would be there to follow
			t.Fatalf("%s was not rebuilt: exit code %d\n%s%s", p, a.Code, a.Out, a.Err)
		}
	}
	follow := w.follow(t)
	rig.WaitFor(t, 500*time.Millisecond, "wait for humpty follow", func() bool {
		follow.demand(t)
		return strings.Contains(w.Run(t, "status", "accounts").Out, "no run works on it; humpty follow keeps it up to date")
	})
	stop()
	for _, p := range []string{"accounts", "trips"} {
		w.equal(t, p, follow)
	}
	follow.end(t)
}

// followed is humpty follow as a process.
type followed struct {
	cmd  *exec.Cmd
	said strings.Builder // to be read when it has ended
	over chan error
}

func (w *world) follow(t *testing.T) *followed {
	t.Helper()
	f := &followed{cmd: w.Command(t, "follow", "--quiet"), over: make(chan error, 1)}
	f.cmd.Stderr = &f.said
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error {
		f.over <- f.cmd.Wait()
		return nil
	})
	return f
}

// demand ends the test if the process has ended.
func (f *followed) demand(t *testing.T) {
	t.Helper()
	select {
	case err := <-f.over:
		t.Fatalf("humpty follow ended: %v: %s", err, f.said.String())
	default:
	}
}

// end interrupts the process, which is no failure of it.
func (f *followed) end(t *testing.T) {
	t.Helper()
	if err := f.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-f.over; err != nil {
		t.Errorf("humpty follow: %v: %s", err, f.said.String())
	}
}

// resume resumes a run that was killed, or begins anew if it had not begun.
func (w *world) resume(t *testing.T, p string) rig.Answer {
	t.Helper()
	for range 20 {
		found := w.Run(t, "status", p, "--json").Result(t).Projections[0]
		cmd := w.Command(t, "rebuild", p)
		if len(found.Stopped) > 0 {
			cmd = w.Command(t, "resume", found.Stopped[0].Run)
		}
		if a := rig.End(t, cmd); a.Code != 4 { // of a process that left nothing but its lease
			return a
		}
		alias := w.Alias
		if p == "trips" {
			alias += "-trips"
		}
		w.Request(t, "POST", "/humpty-leases/_update/"+alias, `{"doc": {"expires": "0001-01-01T00:00:00Z"}}`)
	}
	t.Fatal("the run could not be gone on with")
	return rig.Answer{}
}

// restLimit is how long an index may take to become what its sources are when nothing changes any
// more, on a machine that is busy with other things.
const restLimit = 3 * time.Minute

// equal waits until an index is what its sources are.
func (w *world) equal(t *testing.T, p string, follow *followed) {
	t.Helper()
	for end := time.Now().Add(restLimit); ; {
		follow.demand(t)
		last := w.Run(t, "verify", p)
		if last.Code == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s, after %s of rest: %s%s", p, restLimit, last.Out, last.Err)
			return
		}
	}
}
