package kafka_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/kafka"
)

// theirOwn is the configuration of the brokers of these tests: they clean at once, miss
// each other soon, and know users.
var theirOwn = []string{
	"log.cleaner.backoff.ms=100", "log.initial.task.delay.ms=0",
	"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500",
	"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
	`listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="one";`,
	"listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
	"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
	"listener.name.sasl_ssl.ssl.client.auth=required",
	"ssl.truststore.type=PEM", "ssl.truststore.location=ca.pem",
	"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
	"super.users=User:ANONYMOUS;User:ann",
}

// keyFile is a certificate with its key as the broker takes them, and the certificate.
func keyFile(t *testing.T, c tls.Certificate) (both, alone string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	alone = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})) + alone, alone
}

// scramUser makes a user of the brokers'.
func (b *bus) scramUser(name, password string, mechanism int8) {
	b.t.Helper()
	const iterations = 4096
	salt := []byte("salt and pepper")
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if mechanism == 2 {
		salted, err = pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	user := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	user.Name, user.Mechanism, user.Iterations, user.Salt, user.SaltedPassword = name, mechanism, iterations, salt, salted
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	request.Upsertions = append(request.Upsertions, user)
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Results[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// allow gives a user a right on a topic.
func (b *bus) allow(user, topic string, operation kmsg.ACLOperation) {
	b.t.Helper()
	b.allowOn(user, kmsg.ACLResourceTypeTopic, topic, operation)
}

func (b *bus) allowOn(user string, kind kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) {
	b.t.Helper()
	right := kmsg.NewCreateACLsRequestCreation()
	right.ResourceType, right.ResourceName, right.ResourcePatternType = kind, name, kmsg.ACLResourcePatternTypeLiteral
	right.Principal, right.Host, right.Operation, right.PermissionType = "User:"+user, "*", operation, kmsg.ACLPermissionTypeAllow
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = append(request.Creations, right)
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Results[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// secure reads through TLS with a client certificate as users of every mechanism, and is
// refused for every reason.
func secure(t *testing.T, stack *devstack.Stack, own tls.Certificate, pool *x509.CertPool) {
	b := newBus(t, stack.Addresses().Kafka)
	topic := b.topic(1)
	b.put(rec(topic, 0, "k", "secret"))
	b.scramUser("bob", "two", 1)
	b.scramUser("cid", "three", 2)
	b.allow("cid", topic, kmsg.ACLOperationRead) // which allows to describe it
	brokers := stack.Addresses().SecureKafka
	ours := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	config := func(tls *tls.Config, mechanism, user, password string) kafka.Config {
		return kafka.Config{
			Brokers: brokers, Topics: []kafka.Topic{{Name: topic}}, TLS: tls,
			SASL: kafka.SASL{Mechanism: mechanism, User: user, Password: password},
		}
	}
	read := func(cfg kafka.Config) error {
		s, err := kafka.New(cfg)
		if err != nil {
			return err
		}
		plan, err := s.Plan(t.Context())
		if err != nil {
			return err
		}
		view, err := s.Open(t.Context())
		if err != nil {
			return err
		}
		defer view.Close(t.Context()) //nolint:errcheck // it holds nothing
		events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20)
		if err == nil && !slices.Equal(values(events), []string{"secret"}) {
			t.Errorf("%s: %v", cfg.SASL.Mechanism, values(events))
		}
		return err
	}
	bob := config(ours, "SCRAM-SHA-256", "bob", "two")
	for until := time.Now().Add(30 * time.Second); ; { // users are learnt from the log of metadata
		err := read(bob)
		if err != nil && time.Now().Before(until) && t.Context().Err() == nil && errors.Is(err, kafkago.SASLAuthenticationFailed) {
			continue
		}
		contains(t, "no rights", err, "broker "+brokers[0], "topic "+topic, "kafka-acls.sh --add", "--operation Read")
		break
	}
	for _, cfg := range []kafka.Config{config(ours, "PLAIN", "ann", "one"), config(ours, "scram-sha-512", "cid", "three")} {
		if err := read(cfg); err != nil {
			t.Errorf("%s: %v", cfg.SASL.Mechanism, err)
		}
	}
	for name, c := range map[string]struct {
		cfg  kafka.Config
		want string
	}{
		"PLAIN":      {config(ours, "PLAIN", "ann", "wrong"), "correct sasl: {username, password}"},
		"SCRAM 256":  {config(ours, "SCRAM-SHA-256", "bob", "wrong"), "correct sasl: {username, password}"},
		"SCRAM 512":  {config(ours, "SCRAM-SHA-512", "cid", "wrong"), "correct sasl: {username, password}"},
		"nobody":     {config(ours, "SCRAM-SHA-512", "nobody", "x"), "correct sasl: {username, password}"},
		"authority":  {config(&tls.Config{Certificates: ours.Certificates, MinVersion: tls.VersionTLS12}, "PLAIN", "ann", "one"), "tls: {ca: FILE.pem}"},
		"other name": {config(&tls.Config{RootCAs: pool, Certificates: ours.Certificates, ServerName: "elsewhere", MinVersion: tls.VersionTLS12}, "PLAIN", "ann", "one"), "(server_name)"},
		"no client":  {config(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, "PLAIN", "ann", "one"), "tls: {cert: FILE.pem, key: FILE.pem}"},
	} {
		contains(t, name, read(c.cfg), "broker "+brokers[0], c.want)
	}

	// a right is enough for the plan, and not for the events
	b.allow("bob", topic, kmsg.ACLOperationDescribe)
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); {
		s, err := kafka.New(bob)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Plan(t.Context()); err == nil {
			break
		}
	}
	contains(t, "may not read", read(bob), "broker "+brokers[0], "topic "+topic, "--operation Read")
}

// rights gives a user those of docs/security.md, one after the other: what is missing is told, and what
// is told is enough.
func rights(t *testing.T, stack *devstack.Stack, own tls.Certificate, pool *x509.CertPool) {
	t.Helper()
	b := newBus(t, stack.Addresses().Kafka)
	topic, group := b.topic(1), devstack.Name(t)
	b.put(some(topic, 0, "e", 3)...)
	commit(t, stack.Addresses().Kafka, group, topic, map[int]int64{0: 2})
	cfg := kafka.Config{
		Brokers: stack.Addresses().SecureKafka, Topics: []kafka.Topic{{Name: topic}},
		TLS:  &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12},
		SASL: kafka.SASL{Mechanism: "SCRAM-SHA-512", User: "cid", Password: "three"},
	}
	// planned plans until that has an end: rights are learnt from the log of metadata.
	planned := func(cfg kafka.Config, ends func(plan sources.Plan, err error) bool) (plan sources.Plan, err error) {
		s, err := kafka.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(30 * time.Second); time.Now().Before(until); {
			if plan, err = s.Plan(t.Context()); ends(plan, err) {
				break
			}
		}
		return plan, err
	}
	fine := func(_ sources.Plan, err error) bool { return err == nil }
	known := func(plan sources.Plan, err error) bool { return err == nil && len(plan.Warnings) == 0 }
	_, err := planned(cfg, func(_ sources.Plan, err error) bool { return err != nil })
	contains(t, "no right", err, "topic "+topic, "--operation Describe --operation Read")

	b.allow("cid", topic, kmsg.ACLOperationRead) // which allows to describe it
	plan, err := planned(cfg, fine)
	if err != nil || len(plan.Warnings) == 0 || !strings.Contains(plan.Warnings[0].String(), "--operation DescribeConfigs --topic "+topic) {
		t.Fatalf("Read alone: %v %v", plan.Warnings, err)
	}
	_, plan, view := open(t, cfg)
	if events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil || !slices.Equal(values(events), []string{"e0", "e1", "e2"}) {
		t.Errorf("Read alone: %v %v", values(events), err)
	}
	tailer, _ := view.(sources.Tailer)
	tail, err := tailer.Tail(t.Context(), plan.Partitions[0], "1")
	if err != nil {
		t.Fatal(err)
	}
	batch := &sources.Batch{Limit: 1 << 20}
	if err := errors.Join(tail.Next(t.Context(), batch), tail.Close(t.Context())); err != nil || len(batch.Records) != 2 {
		t.Errorf("Read alone, followed: %d events, %v", len(batch.Records), err)
	}

	b.allow("cid", topic, kmsg.ACLOperationDescribeConfigs)
	if plan, err := planned(cfg, known); err != nil || len(plan.Warnings) > 0 {
		t.Errorf("DescribeConfigs too: %v %v", plan.Warnings, err)
	}

	fenced := cfg
	fenced.Topics = []kafka.Topic{{Name: topic, Group: group}}
	_, err = planned(fenced, func(_ sources.Plan, err error) bool { return err != nil })
	contains(t, "no right on the group", err, "consumer group "+group, "--operation Describe --group "+group)
	b.allowOn("cid", kmsg.ACLResourceTypeGroup, group, kmsg.ACLOperationDescribe)
	if plan, err := planned(fenced, fine); err != nil || plan.Rows != 2 {
		t.Errorf("Describe on the group: %d rows, %v", plan.Rows, err)
	}
}

// leaderChange reads on while the partition's leader is killed, and while it is given back.
func leaderChange(t *testing.T, stack *devstack.Stack) {
	peer, err := stack.Peer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	brokers := stack.Addresses().Kafka
	b := newBus(t, brokers[:1])
	topic := devstack.Name(t)
	b.replicated(topic, 2, 1)
	const n = 60
	for i := range n {
		b.put(rec(topic, 0, "k", fmt.Sprint(i)))
	}
	_, plan, view := open(t, kafka.Config{Brokers: brokers[:1], Topics: []kafka.Topic{{Name: topic}}, Fetch: 1, RetryTime: time.Minute})
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context()) //nolint:errcheck // at the end of the test
	batch := &sources.Batch{Limit: 1}
	for i := range n {
		switch i {
		case 20:
			if led := b.led(topic); led != 2 {
				t.Fatalf("broker %d leads, not 2", led)
			}
			if err := stack.Kill(peer); err != nil {
				t.Fatal(err)
			}
		case 40:
			if led := b.led(topic); led != 1 {
				t.Errorf("broker %d leads, not 1", led)
			}
			if err := stack.Start(t.Context(), peer); err != nil {
				t.Fatal(err)
			}
			b.giveBack(topic, 2)
		}
		batch.Reset()
		if err := r.Next(t.Context(), batch); err != nil || len(batch.Records) != 1 || string(batch.Records[0].Value) != fmt.Sprint(i) {
			t.Fatalf("event %d: %+v, %v", i, batch.Records, err)
		}
	}
	if err := stack.Stop(t.Context(), peer); err != nil {
		t.Error(err)
	}
}

// replicated makes a topic of one partition that the first of these brokers leads.
func (b *bus) replicated(name string, on ...int32) {
	b.t.Helper()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
	t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: on}}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, t), 10_000
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// led is who leads partition 0.
func (b *bus) led(topic string) int32 {
	b.t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	request.Topics = append(request.Topics, t)
	answer, err := request.RequestWith(b.t.Context(), b.client)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(answer.Topics[0].Partitions) == 0 {
		return -1
	}
	return answer.Topics[0].Partitions[0].Leader
}

// giveBack lets the preferred broker lead again, as soon as it has caught up.
func (b *bus) giveBack(topic string, broker int32) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	for b.led(topic) != broker {
		request := kmsg.NewPtrElectLeadersRequest()
		request.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: topic, Partitions: []int32{0}}}
		request.TimeoutMillis = 1000
		if _, err := request.RequestWith(ctx, b.client); err != nil {
			b.t.Fatal(err)
		}
	}
}
