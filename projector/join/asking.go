package join

import (
	"context"

	"humpty/sources"
)

// asking finds by looking up in a view.
type asking struct{ view sources.Lookup }

func (a *asking) find(ctx context.Context, keys [][]byte, give func(int, []byte, string)) (sources.TxSnapshot, error) {
	if len(keys) == 0 {
		return everything(), nil
	}
	var b sources.Batch
	if err := a.view.Lookup(ctx, keys, &b); err != nil {
		return sources.TxSnapshot{}, err
	}
	numbers := make(map[string]int, len(keys))
	for i, key := range keys {
		numbers[string(key)] = i
	}
	for i := range b.Records {
		r := &b.Records[i]
		if n, asked := numbers[string(r.Key)]; asked && !r.Deleted {
			give(n, r.Value, r.Reject)
		}
	}
	return b.Snapshot, nil
}
