package elastic

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"humpty/sinks"
	"humpty/sinks/elastic/bulk"
	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/scan"
)

// index is one generation, opened.
type index struct {
	*bulk.Writer
	*fence.Fence
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
	gate := fence.New(c.Client, c.numbers, name)
	missing := func(ctx context.Context, alias string, undecided int) error {
		return ref.explainMissing(ctx, gate, alias, undecided)
	}
	writer := bulk.New(c.Client, bulk.Config{
		Index: name, Alias: gate.Alias,
		MaxRequestBytes: c.cfg.MaxRequestBytes, Gzip: c.cfg.Gzip,
		RetryBound: c.cfg.RetryBound, UnassignedTimeout: c.cfg.UnassignedTimeout, Waiting: c.cfg.Waiting,
		Missing: missing, Unassigned: ref.unassigned,
	})
	record := &metaRecord{indexRef: ref, writer: writer, meta: meta, userMeta: own}
	record.tag()
	witness := &durability{metaRecord: record}
	return &index{
		Writer: writer, Fence: gate, Reader: scan.New(c.Client, name, ref.shards), metaRecord: record,
		lifecycle: &lifecycle{metaRecord: record, durability: witness}, durability: witness,
		documents: documents{ref}, definitionDiff: definitionDiff{record},
	}
}
