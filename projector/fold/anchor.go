package fold

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/internal/statedb"
	"humpty/sources"
)

// An anchor is an event that was read of a partition, and the position before it. Offsets say
// nothing of what they are offsets of: a topic that was deleted and made again, or a log that
// was cut off and written again by another leader, has others at the same places, and a tail
// that goes on behind its position would miss those before.

// A partition has two anchors: the first event of the batch that was read last, and the last
// one, which a cut anywhere before the position takes. Compaction may take either.
const (
	firstOfBatch = iota
	lastOfBatch
	anchors
)

// anchorReads is how many partitions are asked for theirs at once.
const anchorReads = 8

const anchorSize = 24 // offset, time, hash; the position follows

// putAnchors keeps those of a batch that was read from a position.
func putAnchors(to *pebble.Batch, source int, before sources.Position, records []sources.Record) error {
	if len(records) == 0 {
		return nil
	}
	first, last := &records[0], &records[len(records)-1]
	at := eventID{partition: uint16(source), offset: firstOfBatch}
	if err := to.Set(storeKey(anchorPrefix, at), anchorOf(before, first), nil); err != nil {
		return err
	}
	at.offset = lastOfBatch
	return to.Set(storeKey(anchorPrefix, at), anchorOf(sources.Position(strconv.FormatInt(last.Offset, 10)), last), nil)
}

func anchorOf(before sources.Position, r *sources.Record) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, anchorSize+len(before)), uint64(r.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time))
	h := xxh3.New()
	_, _ = h.Write(binary.AppendUvarint(nil, uint64(len(r.Key)))) // a hash takes everything
	_, _ = h.Write(r.Key)
	_, _ = h.Write(r.Value)
	return append(binary.BigEndian.AppendUint64(b, h.Sum64()), before...)
}

// checkAnchors looks for the anchors in the logs. One that is not there any more, for retention or
// compaction, says nothing.
func (f *feed) checkAnchors(ctx context.Context) error {
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(anchorReads)
	for i, p := range f.plan.Partitions {
		for which := range int64(anchors) {
			anchor, err := statedb.Get(f.store.db.DB, storeKey(anchorPrefix, eventID{uint16(i), which}))
			if err != nil {
				return errors.Join(err, group.Wait())
			}
			if len(anchor) >= anchorSize {
				group.Go(func() error { return f.checkAnchor(asking, p, anchor) })
			}
		}
	}
	return group.Wait()
}

func (f *feed) checkAnchor(ctx context.Context, p sources.Partition, anchor []byte) error {
	same, err := f.matchesAnchor(ctx, p, anchor)
	var gap *sources.ErrChangesLost
	switch {
	case errors.As(err, &gap): // the tail itself finds out whether it lacks anything
		return nil
	case err != nil:
		return fmt.Errorf("look again for what was read of partition %s: %w", p.ID, err)
	case !same:
		return &sources.ErrChangesLost{
			Why:    fmt.Sprintf("partition %s has another event at offset %d than the one that was read: the topic was made again, or its log was cut off", p.ID, binary.BigEndian.Uint64(anchor)),
			Remedy: "what was read cannot be trusted to be complete",
		}
	}
	return nil
}

// matchesAnchor is false if another event is in the anchor's place.
func (f *feed) matchesAnchor(ctx context.Context, p sources.Partition, anchor []byte) (same bool, err error) {
	before := sources.Position(anchor[anchorSize:])
	reader, err := f.tailer.Tail(ctx, p, before)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, reader.Close(context.WithoutCancel(ctx))) }()
	batch := sources.Batch{Limit: 1}
	if err := reader.Next(ctx, &batch); err != nil {
		return false, err
	}
	offset := int64(binary.BigEndian.Uint64(anchor))
	for i := range batch.Records {
		if r := &batch.Records[i]; r.Offset == offset {
			return string(anchorOf(before, r)) == string(anchor), nil
		}
	}
	return true, nil
}
