package elastic

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"humpty/sinks"
	"humpty/sinks/elastic/bulk"
	"humpty/sinks/elastic/scan"
	"humpty/sinks/elastic/transport"
)

// index is one generation, opened.
type index struct {
	*bulk.Writer
	*scan.Reader
	*metaRecord
	*lifecycle
	*durability
	documents
	definitionDiff
}

func newIndex(c *cluster, name string, f indexInfo, meta sinks.Meta) *index {
	own := maps.Clone(f.Mappings.Meta)
	delete(own, metaKey)
	ref := &indexRef{cluster: c, name: name, uuid: f.setting("index.uuid"), path: "/" + url.PathEscape(name)}
	ref.shards, _ = strconv.Atoi(f.setting("index.number_of_shards")) // always there, but for 0 nothing is scanned: see Scan
	writer := bulk.New(c.Client, bulk.Config{
		Index: name, Path: ref.path + loadSuffix,
		MaxRequestBytes: c.cfg.MaxRequestBytes, Gzip: c.cfg.Gzip,
		RetryBound: c.cfg.RetryBound, UnassignedTimeout: c.cfg.UnassignedTimeout, Waiting: c.cfg.Waiting,
		Missing: ref.restoreLoadAlias, Unassigned: ref.unassigned,
	})
	record := &metaRecord{indexRef: ref, writer: writer, meta: meta, userMeta: own}
	record.tag()
	witness := &durability{metaRecord: record}
	return &index{
		Writer: writer, Reader: scan.New(c.Client, name, ref.shards), metaRecord: record,
		lifecycle: &lifecycle{metaRecord: record, durability: witness}, durability: witness,
		documents: documents{ref}, definitionDiff: definitionDiff{record},
	}
}

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
