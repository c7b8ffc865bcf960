package elastic

import (
	"context"
	"fmt"

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

// restoreLoadAlias finds out why the alias that is written through is missing. Only if the index
// is still the one that was opened the alias is put back.
func (x *indexRef) restoreLoadAlias(ctx context.Context, undecided int) error {
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
	return x.addLoadAlias(ctx, x.name)
}
