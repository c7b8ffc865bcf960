package elastic

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"humpty/sinks"
)

func some(n, size int) []sinks.Document {
	docs := make([]sinks.Document, n)
	for i := range docs {
		docs[i] = sinks.Document{ID: []byte(fmt.Sprint(1000000 + i)), Version: 1<<40 + 7, Body: []byte(`{"text":"` + strings.Repeat("a b, ", size/5) + `","n":1}`)}
	}
	return docs
}

func BenchmarkBody(b *testing.B) {
	docs := some(2400, 1700)
	verdicts := make([]sinks.Verdict, len(docs))
	var a attempt
	a.fill(docs, verdicts, 0, 1<<30, math.MaxInt)
	b.SetBytes(int64(len(a.body)))
	b.ReportAllocs()
	for b.Loop() {
		a.fill(docs, verdicts, 0, 1<<30, math.MaxInt)
	}
}

func BenchmarkAnswer(b *testing.B) {
	answer := []byte(`{"errors":false,"items":[` + strings.TrimSuffix(strings.Repeat(`{"index":{"status":201}},`, 2400), ",") + `]}`)
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	var items []item
	var err error
	for b.Loop() {
		if items, err = parseBulk(answer, 2400, items); err != nil {
			b.Fatal(err)
		}
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
