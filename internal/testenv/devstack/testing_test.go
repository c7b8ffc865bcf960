package devstack_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"humpty/internal/testenv/devstack"
)

func TestPostgresIsAFreshLogicalDatabase(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var level string
	var tables int
	err = conn.QueryRow(t.Context(), `SELECT current_setting('wal_level'),
		(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)`).Scan(&level, &tables)
	if err != nil || level != "logical" || tables != 0 {
		t.Fatalf("wal_level = %q, %d tables, %v; want logical and an empty database", level, tables, err)
	}
	// A slot that the test forgets must not keep the database from being dropped.
	if _, err := conn.Exec(t.Context(), `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, devstack.Name(t)); err != nil {
		t.Fatal(err)
	}
}

func TestElasticsearchIndexesADocument(t *testing.T) {
	t.Parallel()
	indexOne(t, devstack.Elasticsearch(t))
}

func indexOne(t *testing.T, url string) {
	t.Helper()
	doc := url + "/" + devstack.Name(t) + "/_doc/1"
	call(t, http.MethodPut, doc+"?refresh=true", `{"name":"Humpty"}`)
	if got := call(t, http.MethodGet, doc, ""); !strings.Contains(got, "Humpty") {
		t.Fatalf("the document came back as %s", got)
	}
}

func call(t *testing.T, method, url, body string) string {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, url, res.Status, text)
	}
	return string(text)
}

func TestOpenSearchIndexesADocument(t *testing.T) {
	t.Parallel()
	indexOne(t, devstack.OpenSearch(t))
}

func TestKafkaKeepsARecord(t *testing.T) {
	t.Parallel()
	broker, topic := devstack.Kafka(t)[0], devstack.Name(t)
	admin, err := kafka.DialContext(t.Context(), "tcp", broker)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() //nolint:errcheck // nothing to lose
	if err := admin.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
	conn, err := kafka.DialLeader(t.Context(), "tcp", broker, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing to lose
	if _, err := conn.WriteMessages(kafka.Message{Value: []byte("Humpty")}); err != nil {
		t.Fatal(err)
	}
	if m, err := conn.ReadMessage(1 << 10); err != nil || string(m.Value) != "Humpty" {
		t.Fatalf("read %q, %v", m.Value, err)
	}
}
