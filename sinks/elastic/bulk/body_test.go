package bulk

import (
	"math"
	"testing"

	"humpty/sinks"
)

func TestAppendDocument(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		doc  sinks.Document
		want string
	}{
		{sinks.Document{ID: []byte("1"), Body: []byte(`{"a":1}`)}, `{"index":{"_id":"1"}}` + "\n" + `{"a":1}` + "\n"},
		{
			sinks.Document{ID: []byte("a\"\\\n\x01ä"), Routing: []byte("r\""), Version: math.MaxInt64, Body: []byte(`{}`)},
			`{"index":{"_id":"a\"\\\u000a\u0001ä","routing":"r\"","version":9223372036854775807,"version_type":"external_gte"}}` + "\n{}\n",
		},
		{sinks.Document{ID: []byte("1"), Version: 5}, `{"delete":{"_id":"1","version":5,"version_type":"external_gte"}}` + "\n"},
	} {
		if got := string(appendDocument(nil, &test.doc)); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if n := len(test.doc.ID) + len(test.doc.Routing) + len(test.doc.Body) + overhead; len(appendDocument(nil, &test.doc)) > n+5*8 {
			t.Errorf("%s is longer than estimated", test.want)
		}
	}
}
