package scan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzParsePage only demands that no input can harm, and that pages that are accepted
// are whole.
func FuzzParsePage(f *testing.F) {
	f.Add([]byte(`{"pit_id":"x","timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"max_score":null,"hits":[{"_index":"a","_id":"1","_version":3,"_routing":"r","_source":{"a":"}\"\\"},"sort":[7]}]}}`))
	f.Add([]byte(`{"hits":{"hits":[{"_id":"\u0031\n","_source":{}}]}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var p page
		if p.parse(answer) != nil {
			return
		}
		for _, d := range p.docs {
			if d.ID == nil {
				t.Fatal("a document without an id")
			}
		}
	})
}

func TestParsePage(t *testing.T) {
	t.Parallel()
	var p page
	answer := `{"pit_id":"p","timed_out":false,"_shards":{"total":1,"failed":0,"failures":[]},"hits":{"hits":[` +
		`{"_id":"a","_version":7,"_score":null,"_source":{"n": 1.10,"s":"}\"{\\"},"sort":[1,2]},` +
		`{"_id":"q\"\u00e4","_routing":"r\n","_source":{},"sort":[3,4]}]}}`
	if err := p.parse([]byte(answer)); err != nil {
		t.Fatal(err)
	}
	a, b := p.docs[0], p.docs[1]
	if string(a.ID) != "a" || a.Version != 7 || string(a.Body) != `{"n": 1.10,"s":"}\"{\\"}` || a.Routing != nil {
		t.Errorf("first document %q %d %q %s", a.ID, a.Version, a.Routing, a.Body)
	}
	if string(b.ID) != `q"ä` || string(b.Routing) != "r\n" || string(b.Body) != `{}` {
		t.Errorf("second document %q %q %s", b.ID, b.Routing, b.Body)
	}
	if string(p.after) != "[3,4]" || string(p.pit) != "p" || p.partial {
		t.Errorf("after %s, pit %s, partial %v", p.after, p.pit, p.partial)
	}
	for _, partial := range []string{`{"timed_out":true,"hits":{"hits":[]}}`, `{"timed_out":false,"_shards":{"failed":1},"hits":{"hits":[]}}`} {
		if err := p.parse([]byte(partial)); err != nil || !p.partial {
			t.Errorf("%s: %v, partial %v", partial, err, p.partial)
		}
	}
	if err := p.parse([]byte(`{"timed_out":false}`)); err == nil {
		t.Error("an answer without hits is accepted")
	}
}

func BenchmarkPage(b *testing.B) {
	var answer bytes.Buffer
	answer.WriteString(`{"pit_id":"xyz","took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":[`)
	line := `{"l_linenumber":1,"l_partkey":155190,"l_quantity":17.00,"l_extendedprice":21168.23,"l_discount":0.04,"l_tax":0.02,"l_shipdate":"1996-03-13","l_commitdate":"1996-02-12","l_shipinstruct":"DELIVER IN PERSON","l_shipmode":"TRUCK","l_comment":"egular courts above the \"quick\" deposits, even"}`
	body := `{"n":1,"status":"O","lines":[` + strings.TrimSuffix(strings.Repeat(line+",", 5), ",") + `]}`
	for i := range 2000 {
		if i > 0 {
			answer.WriteByte(',')
		}
		fmt.Fprintf(&answer, `{"_index":"orders-20261124t050000","_id":"%d","_version":1099511627776,"_score":null,"_source":%s,"sort":[%d]}`, i, body, i)
	}
	answer.WriteString(`]}}`)
	b.SetBytes(int64(answer.Len()))
	b.ReportAllocs()
	var p page
	for b.Loop() {
		if err := p.parse(answer.Bytes()); err != nil || len(p.docs) != 2000 {
			b.Fatal(err)
		}
	}
}
