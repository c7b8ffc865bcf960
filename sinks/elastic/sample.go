package elastic

import (
	"bytes"
	"context"
	"fmt"

	"humpty/sinks"
)

// Sample reads the documents that a random score, which follows from the seed, puts first.
func (x *index) Sample(ctx context.Context, n int, seed uint64, fn func(docs []sinks.Document) error) error {
	var answer bytes.Buffer
	var p page
	const largest = 5000 // well below index.max_result_window
	after := ""
	for n > 0 {
		size := min(n, largest)
		query := fmt.Sprintf(`{"size":%d,"_source":false,"track_total_hits":false,%s"sort":[{"_score":"desc"},{"_seq_no":"asc"}],`+
			`"query":{"function_score":{"query":{"match_all":{}},"random_score":{"seed":%d,"field":"_seq_no"},"boost_mode":"replace"}}}`,
			size, after, seed>>1)
		if err := x.searchOwn(ctx, query, &answer, &p); err != nil {
			return x.Explain("take a sample of index "+x.name, err)
		}
		if err := fn(p.docs); err != nil {
			return err
		}
		if len(p.docs) < size || p.after == nil {
			return nil
		}
		n -= len(p.docs)
		after = `"search_after":` + string(p.after) + `,`
	}
	return nil
}
