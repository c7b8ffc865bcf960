package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"humpty/projector/repair"
)

// latestConfig is parcels whose newest event is the document.
const latestConfig = `version: 1
sources:
  bus: {kafka: {brokers: ["${BROKER}"]}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
projections:
  orders:
    target: search
    alias: ${ALIAS}
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {dynamic: true}}
    document: {from: "bus.${TOPIC}"}
`

// keep makes a snapshot of what serves, and deletes it.
func (s *shop) keep(t *testing.T) {
	t.Helper()
	s.request(t, t.Context(), http.MethodPut, "/_snapshot/"+s.alias, `{"type":"fs","settings":{"location":"`+s.alias+`"}}`)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		s.request(t, ctx, http.MethodDelete, "/_snapshot/"+s.alias+"/one", "")
		s.request(t, ctx, http.MethodDelete, "/_snapshot/"+s.alias, "")
	})
	s.run(t.Context(), "snapshot", "--repository", s.alias, "--name", "one").want(t, 0, "is kept as "+s.alias+"/one")
	live, _ := s.serving(t)
	s.request(t, t.Context(), http.MethodDelete, "/"+live, "")
}

// restored is what a restore says of itself.
func (s *shop) restored(t *testing.T, args ...string) repair.Result {
	t.Helper()
	ran := s.run(t.Context(), append([]string{"restore", "--snapshot", s.alias + "/one", "--json"}, args...)...)
	ran.want(t, 0)
	lines := strings.Split(strings.TrimSpace(ran.out), "\n")
	var result struct{ Finding repair.Result }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil || result.Finding.Delta == nil {
		t.Fatalf("%v: %s", err, ran.out)
	}
	return result.Finding
}

// TestRestoreOfEvents: an index that is brought back from a snapshot gets what the topic has
// behind its positions, and nothing else is written; the rest is proven by its sum.
func TestRestoreOfEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		p7     string
		rows   int64 // read for the new events
	}{
		"latest":   {latestConfig, `{"order_id":7,"stop":"Oslo","type":"Moved"}`, 6},
		"handlers": {parcelsConfig, `{"moves":3,"order_id":7,"status":"packed","stops":["Rome","Ulm","Oslo"]}`, 6 + 46},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b, topic := newParcels(t, 2)
			s.write(t, "humpty.yaml", c.config)
			for i := range int32(20) {
				b.put(topic, i%2, fmt.Sprint("p", i), fmt.Sprintf(`{"type":"Packed","order_id":%d}`, i), fmt.Sprintf(`{"type":"Moved","order_id":%d,"stop":"Rome"}`, i))
			}
			s.run(t.Context(), "rebuild").want(t, 0)
			s.keep(t)
			b.put(topic, 1, "p7", `{"type":"Moved","order_id":7,"stop":"Ulm"}`, `{"type":"Moved","order_id":7,"stop":"Oslo"}`)
			b.put(topic, 0, "p8", "")
			b.put(topic, 0, "p20", `{"type":"Packed","order_id":20}`)
			b.put(topic, 0, "p21", `{"type":"Packed","order_id":21}`, "")

			f := s.restored(t)
			d := f.Delta
			if d.Not != "" || d.Keys != 4 || d.Written != 2 || d.Deleted != 1 || d.Same != 1 || d.Events() != 6 || d.To[topic+"/0"] != "24" || d.To[topic+"/1"] != "22" {
				t.Errorf("%+v", d)
			}
			if rows := d.Inputs[topic+"/0"].Rows + d.Inputs[topic+"/1"].Rows; rows != c.rows {
				t.Errorf("%d events were read, not %d", rows, c.rows)
			}
			if v := f.Verified; v.Level != "full" || v.Documents != 20 || v.Rests == "" || f.Repair != nil {
				t.Errorf("%+v, %+v", v.Verification, f.Repair)
			}
			docs := s.documents(t)
			if len(docs) != 20 || docs["p7"] != c.p7 || docs["p20"] == "" || docs["p8"] != "" {
				t.Errorf("%d documents, p7 is %s", len(docs), docs["p7"])
			}
			if meta := s.run(t.Context(), "status", "--json").out; !strings.Contains(meta, `"`+topic+`/0":"24@`) || !strings.Contains(meta, `"`+topic+`/1":"22@`) {
				t.Errorf("the positions are not those of now: %s", meta)
			}
			s.run(t.Context(), "verify", "--settle", "10ms").want(t, 0, "0 missing, 0 stale, 0 extra")

			// what was restored can be restored from; what the sum does not prove is compared
			if f = s.restored(t, "--whole"); f.Delta.Not != "as asked" || f.Repair == nil || f.Repair.Written != 2 || f.Repair.Deleted != 1 {
				t.Errorf("%+v, %+v", f.Delta, f.Repair)
			}
		})
	}
}
