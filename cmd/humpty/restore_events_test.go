package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestRestoreOfEvents: an index that is brought back from a snapshot gets what the topic
// says by now, and its _meta how far that was.
func TestRestoreOfEvents(t *testing.T) {
	t.Parallel()
	s, b, topic := newParcels(t, 2)
	for i := range int32(20) {
		b.put(topic, i%2, fmt.Sprint("p", i), fmt.Sprintf(`{"type":"Packed","order_id":%d}`, i), `{"type":"Moved","stop":"Rome"}`)
	}
	s.run(t.Context(), "rebuild").want(t, 0)
	s.request(t, t.Context(), http.MethodPut, "/_snapshot/"+s.alias, `{"type":"fs","settings":{"location":"`+s.alias+`"}}`)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		s.request(t, ctx, http.MethodDelete, "/_snapshot/"+s.alias+"/one", "")
		s.request(t, ctx, http.MethodDelete, "/_snapshot/"+s.alias, "")
	})
	s.run(t.Context(), "snapshot", "--repository", s.alias, "--name", "one").want(t, 0, "is kept as "+s.alias+"/one")
	live, _ := s.serving(t)
	s.request(t, t.Context(), http.MethodDelete, "/"+live, "")

	b.put(topic, 1, "p7", `{"type":"Moved","stop":"Oslo"}`)
	b.put(topic, 0, "p8", `{"type":"Lost"}`)
	b.put(topic, 0, "p20", `{"type":"Packed","order_id":20}`)
	s.run(t.Context(), "restore", "--snapshot", s.alias+"/one").want(t, 0, "2 written, 1 deleted", "alias "+s.alias+" serves ")
	docs := s.documents(t)
	if len(docs) != 20 || docs["p7"] != `{"moves":2,"order_id":7,"status":"packed","stops":["Rome","Oslo"]}` || docs["p20"] == "" || docs["p8"] != "" {
		t.Errorf("%d documents, p7 is %s", len(docs), docs["p7"])
	}
	if meta := s.run(t.Context(), "status", "--json").out; !strings.Contains(meta, `"`+topic+`/0":"22"`) || !strings.Contains(meta, `"`+topic+`/1":"21"`) {
		t.Errorf("the positions are not those of now: %s", meta)
	}
	s.run(t.Context(), "verify", "--settle", "10ms").want(t, 0)
}
