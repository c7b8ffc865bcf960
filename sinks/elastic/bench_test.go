package elastic_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
)

const benchDefinition = `{"settings":{"number_of_shards":2,"number_of_replicas":0},"mappings":{"dynamic":"false","properties":{"n":{"type":"long"},"status":{"type":"keyword"}}}}`

// order is a document of about 1.7 KB with four lines.
func order(i int) []byte {
	line := `{"l_linenumber":%d,"l_partkey":155190,"l_quantity":17.00,"l_extendedprice":21168.23,"l_discount":0.04,"l_tax":0.02,"l_shipdate":"1996-03-13","l_commitdate":"1996-02-12","l_shipinstruct":"DELIVER IN PERSON","l_shipmode":"TRUCK","l_comment":"egular courts above the \"quick\" deposits, even %d"}`
	lines := make([]string, 4)
	for l := range lines {
		lines[l] = fmt.Sprintf(line, l, i)
	}
	return []byte(fmt.Sprintf(`{"n":%d,"status":"O","total":172799.49,"customer":{"c_name":"Customer#000036901","c_mktsegment":"BUILDING","nation":"GERMANY"},"comment":"%s","lines":[%s]}`,
		i, strings.Repeat("nstructions sleep furiously among ", 5), strings.Join(lines, ",")))
}

func orders(n int, version int64) []sinks.Document {
	docs := make([]sinks.Document, n)
	for i := range docs {
		docs[i] = sinks.Document{ID: []byte(fmt.Sprint(i)), Version: version, Body: order(i)}
	}
	return docs
}

// BenchmarkTarget writes documents to a real server and reads them back in four slices.
func BenchmarkTarget(b *testing.B) {
	const n, batch, writers = 100_000, 2400, 4
	url := devstack.Elasticsearch(b)
	name := devstack.Name(b)
	docs := orders(n, 1<<40)
	epoch := int64(0)
	for b.Loop() {
		epoch++
		target, err := elastic.Dial(b.Context(), elastic.Config{Addresses: []string{url}, Alias: name})
		if err != nil {
			b.Fatal(err)
		}
		g := sinks.Generation{Name: fmt.Sprintf("%s-2026%04dt000000", name, epoch), Definition: []byte(benchDefinition), Meta: sinks.Meta{Alias: name, Epoch: epoch}}
		index, err := target.Create(b.Context(), g)
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		var group errgroup.Group
		var next atomic.Int64
		for range writers {
			group.Go(func() error {
				verdicts := make([]sinks.Verdict, batch)
				for {
					from := int(next.Add(batch)) - batch
					if from >= n {
						return nil
					}
					part := docs[from:min(from+batch, n)]
					if _, err := index.Write(b.Context(), part, verdicts[:len(part)]); err != nil {
						return err
					}
				}
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(start).Seconds(), "written/s")
		if err := index.Seal(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(start).Seconds(), "sealed/s")
		for _, parts := range []int{1, 2, 4, 4, 2} { // the first pass warms up
			start = time.Now()
			var seen atomic.Int64
			for part := range parts {
				group.Go(func() error {
					return index.Scan(b.Context(), part, parts, func(docs []sinks.Document) error {
						seen.Add(int64(len(docs)))
						return nil
					})
				})
			}
			if err := group.Wait(); err != nil || seen.Load() != n {
				b.Fatalf("scanned %d: %v", seen.Load(), err)
			}
			b.ReportMetric(n/time.Since(start).Seconds(), fmt.Sprintf("scanned%d/s", parts))
		}
		if err := target.Drop(b.Context(), g.Name); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRotation is what it takes to change a writer's alias, behind a bulk request of 4 MB each. follow does
// so once a minute at most, a load at its end.
func BenchmarkRotation(b *testing.B) {
	name := devstack.Name(b)
	target, err := elastic.Dial(b.Context(), elastic.Config{Addresses: []string{devstack.Elasticsearch(b)}, Alias: name})
	if err != nil {
		b.Fatal(err)
	}
	index, err := target.Create(b.Context(), sinks.Generation{Name: name + "-20260001t000000", Definition: []byte(benchDefinition), Meta: sinks.Meta{Alias: name, Epoch: 1}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := target.Drop(context.WithoutCancel(b.Context()), name+"-20260001t000000"); err != nil {
			b.Error(err)
		}
	})
	fence := index.(sinks.WriterFence) //nolint:forcetypeassert // see target.go
	var writing, rotating time.Duration
	version, n := int64(0), 0
	for b.Loop() {
		version++
		docs := orders(2400, version)
		start := time.Now()
		if _, err := index.Write(b.Context(), docs, make([]sinks.Verdict, len(docs))); err != nil {
			b.Fatal(err)
		}
		wrote := time.Now()
		if err := fence.BeginWriter(b.Context(), sinks.LeaseWriter); err != nil {
			b.Fatal(err)
		}
		writing, rotating, n = writing+wrote.Sub(start), rotating+time.Since(wrote), n+1
	}
	each := rotating / time.Duration(n)
	b.ReportMetric(float64(each.Microseconds())/1000, "ms/rotation")
	b.ReportMetric(float64((writing/time.Duration(n)).Microseconds())/1000, "ms/bulk")
	b.ReportMetric(100*each.Seconds()/time.Minute.Seconds(), "%-of-a-minute")
}
