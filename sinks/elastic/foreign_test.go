package elastic

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"humpty/sinks"
)

// foreignCluster is a cluster that answers all calls alike.
func foreignCluster(t *testing.T, answer string) *cluster {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	c, err := newCluster(Config{Addresses: []string{server.URL}, Alias: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAnswersAboutOthers: an answer about another document than was asked for, about more or
// fewer, or about none is an error that names one.
func TestAnswersAboutOthers(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, c *cluster) error {
		x := documents{&indexRef{cluster: c, name: "orders-1", path: "/orders-1"}}
		return x.Get(t.Context(), []sinks.Key{{ID: []byte("1")}, {ID: []byte("2")}}, make([]sinks.Found, 2))
	}
	search := func(t *testing.T, c *cluster) error {
		x := documents{&indexRef{cluster: c, name: "orders-1", path: "/orders-1"}}
		_, err := x.Search(t.Context(), json.RawMessage(`{}`), []string{"1"})
		return err
	}
	holder := func(t *testing.T, c *cluster) error {
		_, err := leases{c}.Holder(t.Context())
		return err
	}
	one, two, three := `{"_id":"1","found":false}`, `{"_id":"2","found":false}`, `{"_id":"3","found":false}`
	for name, c := range map[string]struct {
		ask          func(*testing.T, *cluster) error
		answer, want string
	}{
		"as asked":                  {get, `{"docs":[` + one + `,` + two + `]}`, ""},
		"another document":          {get, `{"docs":[` + one + `,` + three + `]}`, `read document "2" of index orders-1: the answer is about document "3"`},
		"in another order":          {get, `{"docs":[` + two + `,` + one + `]}`, `the answer is about document "2"`},
		"fewer":                     {get, `{"docs":[` + one + `]}`, `"1" and others: 2 were asked for, but the answer is about 1`},
		"more":                      {get, `{"docs":[` + one + `,` + two + `,` + three + `]}`, `2 were asked for, but the answer is about 3`},
		"none":                      {get, `{}`, `but the answer is about 0`},
		"a hit that was asked for":  {search, `{"_shards":{"total":1},"hits":{"hits":[{"_id":"1"}]}}`, ""},
		"a hit of another document": {search, `{"_shards":{"total":1},"hits":{"hits":[{"_id":"7"}]}}`, `document "7", which was not asked for`},
		"no lease":                  {holder, `{"_id":"orders","found":false}`, ""},
		"the lease of another":      {holder, `{"_id":"parcels","found":true,"_source":{"owner":{"run":"r"},"fence":1}}`, `about document "parcels"`},
		"nothing of a lease":        {holder, `{}`, `about document ""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.ask(t, foreignCluster(t, c.answer))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// FuzzDecodeLease: what is accepted names a run, and its numbers fit into versions.
func FuzzDecodeLease(f *testing.F) {
	for _, seed := range []string{
		`{"owner":{"run":"r","host":"h","pid":7,"user":"u","verb":"rebuild"},"fence":3,"epoch":2,"expires":"2026-01-01T00:00:00Z"}`,
		`{"owner":{"run":"r"},"fence":1,"doing":"{\"phase\":\"load\"}"}`, `{"owner":7}`, `[]`, `{}`, `null`, ``,
		`{"owner":{"run":"r"},"fence":9223372036854775807}`, `{"owner":{"run":"r"},"fence":1,"expires":"9999-12-31T23:59:59Z"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := decodeLease(raw)
		if err != nil {
			if l != (sinks.Lease{}) {
				t.Fatalf("%+v of what does not read", l)
			}
			return
		}
		if l.Owner.Run == "" || l.Fence < 1 || l.Fence > sinks.MaxEpoch || l.Epoch < 0 || (l.Epoch+1)<<40 <= 0 || len(l.Owner.Host) > longestName {
			t.Fatalf("accepted: %+v", l)
		}
	})
}

// FuzzDecodeMeta: what is accepted has an alias and an epoch that fits into versions, and is the
// same when it is written and read again.
func FuzzDecodeMeta(f *testing.F) {
	for _, seed := range []string{
		`{"schema":1,"alias":"orders","run":"r","state":"live","epoch":3,"versions":"class","positions":{"slot":"0/1"},"restore":{"index.refresh_interval":null}}`,
		`{"alias":"orders","epoch":4194305}`, `{"alias":"orders","epoch":-1}`, `{"alias":7}`, `{"alias":"a","verified":{"level":"full"},"refused":{"known":[{"id":"1"}]}}`,
		`[]`, `{}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := decodeMeta(raw)
		if err != nil {
			if m.Alias != "" {
				t.Fatalf("%+v of what does not read", m)
			}
			return
		}
		if m.Alias == "" || m.Epoch < 0 || m.Epoch<<40 < 0 || (m.Epoch+1)<<40 <= 0 {
			t.Fatalf("accepted: %+v", m)
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeMeta(again); err != nil || back.Alias != m.Alias || back.Epoch != m.Epoch {
			t.Fatalf("%+v, %v after %+v", back, err, m)
		}
	})
}

// TestDamagedMeta: an index that says it is a generation, and is none that can be used, is told.
func TestDamagedMeta(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"alias":"orders","name":"orders-1","epoch":3}`: "",
		`{"alias":"orders","epoch":9000000000000000000}`: "its epoch is 9000000000000000000",
		`{"alias":"orders","epoch":"3"}`:                 "does not read",
		`{}`:                                             "it names no alias",
	} {
		var f indexInfo
		f.Mappings.Meta = map[string]json.RawMessage{metaKey: json.RawMessage(raw)}
		got := f.damagedMeta("orders-1")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
		if _, ours := f.generationMeta("orders", "orders-1"); ours != (want == "") {
			t.Errorf("%s: a generation: %v", raw, ours)
		}
	}
}
