package kafka_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"humpty/sources"
	"humpty/sources/kafka"
)

// Where encryption is required, a broker beyond this machine is not spoken to without: also one that a broker of
// this machine names as its peer, as here.
func TestRequiredTLS(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1))
	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := req.ResponseKind().(*kmsg.MetadataResponse)
		answer.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 0, Host: "192.0.2.1", Port: 9092}}
		name := "events"
		answer.Topics = []kmsg.MetadataResponseTopic{{Topic: &name, Partitions: []kmsg.MetadataResponseTopicPartition{{Partition: 0, Leader: 0, Replicas: []int32{0}, ISR: []int32{0}}}}}
		return answer, nil, true
	})
	for _, brokers := range [][]string{c.ListenAddrs(), {"192.0.2.1:9092"}} {
		s, err := kafka.New(kafka.Config{Brokers: brokers, RequireTLS: true, Topics: []kafka.Topic{{Name: "events"}}, RetryTime: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Plan(t.Context())
		contains(t, brokers[0], err, "broker 192.0.2.1:9092", "the file has require_tls: true", "add tls: true")
	}
}

// What the one real broker of the tests cannot show, brokers in memory do.
func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.SeedTopics(2, "events"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestLeaderChange(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(3))
	b := newBus(t, c.ListenAddrs())
	const n = 30
	for i := range n {
		b.put(rec("events", 0, "k", fmt.Sprint(i)))
	}
	_, plan, view := open(t, kafka.Config{Brokers: c.ListenAddrs()[:1], Topics: []kafka.Topic{{Name: "events"}}, Fetch: 1})
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context()) //nolint:errcheck // at the end of the test
	batch := &sources.Batch{Limit: 1}
	for i := range n {
		if i%10 == 5 { // away from who leads
			if err := c.MoveTopicPartition("events", 0, (c.LeaderFor("events", 0)+1)%3); err != nil {
				t.Fatal(err)
			}
		}
		batch.Reset()
		if err := r.Next(t.Context(), batch); err != nil || len(batch.Records) != 1 || string(batch.Records[0].Value) != fmt.Sprint(i) {
			t.Fatalf("event %d: %+v, %v", i, batch.Records, err)
		}
	}
}

func TestSASL(t *testing.T) {
	t.Parallel()
	c := fake(t, kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "one"),
		kfake.Superuser("SCRAM-SHA-256", "bob", "two"), kfake.Superuser("SCRAM-SHA-512", "cid", "three"))
	b := newBus(t, c.ListenAddrs(), kgo.SASL(plain.Auth{User: "ann", Pass: "one"}.AsMechanism()))
	b.put(rec("events", 0, "k", "secret"))
	for _, s := range []kafka.SASL{
		{Mechanism: "PLAIN", User: "ann", Password: "one"},
		{Mechanism: "scram-sha-256", User: "bob", Password: "two"},
		{Mechanism: "SCRAM-SHA-512", User: "cid", Password: "three"},
	} {
		cfg := kafka.Config{Brokers: c.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}, SASL: s}
		_, plan, view := open(t, cfg)
		if events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil || len(events) != 1 {
			t.Errorf("%s: %v, %v", s.Mechanism, values(events), err)
		}
		cfg.SASL.Password = "wrong"
		cfg.RetryTime = time.Millisecond // that broker says no by closing the connection
		wrong, err := kafka.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = wrong.Plan(t.Context())
		contains(t, s.Mechanism, err, "SASL", c.ListenAddrs()[0])
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, pool := certificate(t)
	c := fake(t, kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12}))
	ours := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	b := newBus(t, c.ListenAddrs(), kgo.DialTLSConfig(ours))
	b.put(rec("events", 0, "k", "secret"))
	cfg := kafka.Config{Brokers: c.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}, TLS: ours}
	_, plan, view := open(t, cfg)
	if events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil || len(events) != 1 {
		t.Errorf("%v, %v", values(events), err)
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s, err := kafka.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Plan(t.Context())
	contains(t, "unknown authority", err, "broker "+c.ListenAddrs()[0]+": TLS", "certificate", "ca: FILE.pem")
}

// certificate makes one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// emptyFrom answers fetches from an offset on with nothing, as a broker does that throttles,
// and as one does whose remote storage is slow.
func emptyFrom(c *kfake.Cluster, offset int64, throttle int32, times int) {
	c.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fetch, ok := request.(*kmsg.FetchRequest)
		if !ok || fetch.Topics[0].Partitions[0].FetchOffset < offset || times == 0 {
			c.KeepControl()
			return nil, nil, false
		}
		times--
		c.KeepControl()
		answer, _ := fetch.ResponseKind().(*kmsg.FetchResponse)
		answer.ThrottleMillis = throttle
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition = fetch.Topics[0].Partitions[0].Partition
		p.HighWatermark, p.LastStableOffset = 10, 10
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.Partitions = fetch.Topics[0].Topic, append(t.Partitions, p)
		answer.Topics = append(answer.Topics, t)
		return answer, nil, true
	})
}
