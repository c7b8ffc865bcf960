package raw

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Shots is what a firehose took.
type Shots struct {
	Seconds   float64   // to the end of the refresh
	Refresh   float64   // seconds of it
	Latencies []float64 // of each request, milliseconds
}

// Firehose sends batches to an empty index over so many connections as fast as it takes
// them, then refreshes it once. Any refusal is an error: a limit with retries is none.
func Firehose(ctx context.Context, search *Search, index string, batches []Batch, connections int) (Shots, error) {
	var (
		next      atomic.Int64
		latencies = make([][]float64, connections)
		start     = time.Now()
	)
	group, sending := errgroup.WithContext(ctx)
	for c := range connections {
		group.Go(func() error {
			var answer bytes.Buffer
			for {
				i := int(next.Add(1)) - 1
				if i >= len(batches) {
					return nil
				}
				sent := time.Now()
				if err := shoot(sending, search, index, batches[i], &answer); err != nil {
					return err
				}
				latencies[c] = append(latencies[c], time.Since(sent).Seconds()*1e3)
			}
		})
	}
	if err := group.Wait(); err != nil {
		return Shots{}, fmt.Errorf("firehose into %s: %w", index, err)
	}
	refresh := time.Now()
	if err := search.Refresh(ctx, index); err != nil {
		return Shots{}, fmt.Errorf("firehose into %s: %w", index, err)
	}
	return Shots{
		Seconds:   time.Since(start).Seconds(),
		Refresh:   time.Since(refresh).Seconds(),
		Latencies: slices.Concat(latencies...),
	}, nil
}

// shoot sends one batch and reads the whole answer, as everybody must who wants to know
// each document's fate; it looks only whether all went well.
func shoot(ctx context.Context, search *Search, index string, b Batch, answer *bytes.Buffer) error {
	if err := search.call(ctx, http.MethodPost, "/"+index+"/_bulk", b.Body, answer); err != nil {
		return err
	}
	head := answer.Bytes()[:min(100, answer.Len())]
	if !bytes.Contains(head, []byte(`"errors":false`)) {
		return fmt.Errorf("the bulk request was not taken whole: %.300s", answer.Bytes())
	}
	return nil
}
