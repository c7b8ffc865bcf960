package elastic

import (
	"context"
	"fmt"

	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/transport"
)

// indexRef is one index of the cluster.
type indexRef struct {
	*cluster
	name, uuid string
	path       string // of its name
	shards     int
}

// onShards makes a call that every shard must have answered.
func (x *indexRef) onShards(ctx context.Context, method, verb string) error {
	var a shardsAnswer
	err := x.Call(ctx, transport.Request{Method: method, Path: x.path + "/" + verb, RetryFor: transport.DefaultRetry}, &a)
	if err == nil {
		err = a.err()
	}
	if err != nil {
		return x.Explain(verb[1:]+" index "+x.name, err)
	}
	return nil
}

// explainMissing finds out why the alias that is written through is missing: nil if it is there,
// and only the node that was asked does not know it yet. It is never put back.
func (x *indexRef) explainMissing(ctx context.Context, gate *fence.Fence, alias string, undecided int) error {
	all, err := x.readIndices(ctx, x.path[1:])
	if err != nil {
		return err
	}
	f, ok := all[x.name]
	switch {
	case !ok:
		return &Error{
			Kind: Failed, What: fmt.Sprintf("index %s was deleted while it was written (%d documents of the batch are without a verdict)", x.name, undecided),
			Remedy: "find out who deletes indices, then begin a new rebuild; the alias is as it was",
		}
	case f.setting("index.uuid") != x.uuid:
		return &Error{
			Kind: Failed, What: fmt.Sprintf("index %s was deleted and made again by somebody else while it was written", x.name),
			Remedy: "delete that index and begin a new rebuild; the alias is as it was",
		}
	}
	there, err := gate.There(ctx, alias)
	if err == nil && len(there) == 0 {
		err = fence.Shut(x.name, undecided)
	}
	return err
}
