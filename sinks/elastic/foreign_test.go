package elastic

import (
	"encoding/json"
	"strings"
	"testing"

	"humpty/sinks"
)

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
