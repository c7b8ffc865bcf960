package join

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/sources"
)

const (
	defaultMemory = 256 << 20
	blockSize     = 16 << 10
)

// spillTable holds documents by key: blocks in order of the keys' hashes, of which the first
// hash is known. Once it is filled nothing changes, so that it is read by many at once.
type spillTable struct {
	memory   int64
	dir      string
	inMemory atomic.Int64
	blocks   []block
	files    []*os.File
}

// block is some documents in order, in memory or in a file.
type block struct {
	first uint64
	data  []byte
	file  *os.File
	at    int64
	size  int
}

func newSpillTable(memory int64, dir string) *spillTable {
	if memory <= 0 {
		memory = defaultMemory
	}
	return &spillTable{memory: memory, dir: dir}
}

// fill reads a view whose partitions follow each other in order of the keys' hashes, as
// those of folded events do.
func (s *spillTable) fill(ctx context.Context, from sources.View, plan sources.Plan) error {
	rows := make([]partitionWriter, len(plan.Partitions))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range plan.Partitions {
		rows[i].table = s
		group.Go(func() error { return rows[i].read(ctx, from, p) })
	}
	err := group.Wait()
	for i := range rows {
		s.blocks = append(s.blocks, rows[i].blocks...)
		if rows[i].file != nil {
			s.files = append(s.files, rows[i].file)
		}
	}
	if err == nil && !slices.IsSortedFunc(s.blocks, func(a, b block) int { return cmp.Compare(a.first, b.first) }) {
		err = errors.New("the source does not give documents in order of their keys' hashes")
	}
	return err
}

func (s *spillTable) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.blocks, s.files = nil, nil
	return errors.Join(errs...)
}

// partitionWriter is the blocks of one partition while it is read.
type partitionWriter struct {
	table   *spillTable
	blocks  []block
	file    *os.File
	written int64
	data    []byte // of the present block
	first   uint64
}

func (r *partitionWriter) read(ctx context.Context, from sources.View, p sources.Partition) (err error) {
	reader, err := from.Read(ctx, p, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	b := &sources.Batch{Limit: 1 << 20}
	for {
		b.Reset()
		if err := reader.Next(ctx, b); errors.Is(err, io.EOF) {
			return r.flush()
		} else if err != nil {
			return err
		}
		for i := range b.Records {
			if err := r.add(&b.Records[i]); err != nil {
				return err
			}
		}
	}
}

// A document in a block: hash, lengths of key and value (the reason's where it is
// rejected, with the highest bit), key, value.
const entryHead = 16

func (r *partitionWriter) add(d *sources.Record) error {
	hash, value, flag := xxh3.Hash(d.Key), d.Value, uint32(0)
	if d.Reject != "" {
		value, flag = []byte(d.Reject), 1<<31
	}
	if len(r.data) > 0 && len(r.data)+entryHead+len(d.Key)+len(value) > blockSize {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if len(r.data) == 0 {
		r.first = hash
	}
	r.data = binary.LittleEndian.AppendUint64(r.data, hash)
	r.data = binary.LittleEndian.AppendUint32(r.data, uint32(len(d.Key)))
	r.data = binary.LittleEndian.AppendUint32(r.data, uint32(len(value))|flag)
	r.data = append(append(r.data, d.Key...), value...)
	return nil
}

// flush ends the present block.
func (r *partitionWriter) flush() error {
	if len(r.data) == 0 {
		return nil
	}
	b := block{first: r.first, size: len(r.data)}
	if size := int64(len(r.data)); r.table.inMemory.Add(size) <= r.table.memory {
		b.data = bytes.Clone(r.data)
	} else {
		r.table.inMemory.Add(-size)
		if err := r.write(&b); err != nil {
			return fmt.Errorf("what does not fit into %d MB of memory goes to disk, which failed: %w; give the kafka source more memory, or a spill folder with room", r.table.memory>>20, err)
		}
	}
	r.blocks = append(r.blocks, b)
	r.data = r.data[:0]
	return nil
}

// write puts a block into the row's file, which has no name: whatever becomes of this
// process, nothing is left.
func (r *partitionWriter) write(b *block) error {
	if r.file == nil {
		file, err := os.CreateTemp(r.table.dir, "humpty-mix-*")
		if err != nil {
			return err
		}
		if r.file = file; os.Remove(file.Name()) != nil {
			return fmt.Errorf("cannot remove %s", file.Name())
		}
	}
	b.file, b.at = r.file, r.written
	n, err := r.file.Write(r.data)
	r.written += int64(n)
	return err
}

// find goes through the keys in order of their hashes, so that a block is read once.
func (s *spillTable) find(_ context.Context, keys [][]byte, give func(int, []byte, string)) (sources.TxSnapshot, error) {
	type wanted struct {
		hash uint64
		n    int
	}
	order := make([]wanted, len(keys))
	for i, key := range keys {
		order[i] = wanted{xxh3.Hash(key), i}
	}
	slices.SortFunc(order, func(a, b wanted) int { return cmp.Compare(a.hash, b.hash) })
	l := blockCursor{table: s, block: -1}
	for _, w := range order {
		// the last block that begins before the hash, and those that begin with it
		at := max(sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i].first >= w.hash })-1, 0)
		for ; at < len(s.blocks) && s.blocks[at].first <= w.hash; at++ {
			if err := l.load(at); err != nil {
				return sources.TxSnapshot{}, fmt.Errorf("read back from disk: %w", err)
			}
			if value, rejected, ok := l.seek(w.hash, keys[w.n]); ok {
				if rejected {
					give(w.n, nil, string(value))
				} else {
					give(w.n, value, "")
				}
				break
			}
		}
	}
	return liveSnapshot(), nil
}

// blockCursor looks into one block after the other.
type blockCursor struct {
	table *spillTable
	block int
	data  []byte
	own   []byte
	at    int
}

func (l *blockCursor) load(block int) error {
	if l.block == block {
		return nil
	}
	b := &l.table.blocks[block]
	l.block, l.data, l.at = block, b.data, 0
	if b.file == nil {
		return nil
	}
	l.own = slices.Grow(l.own[:0], b.size)[:b.size]
	l.data = l.own
	_, err := b.file.ReadAt(l.data, b.at)
	return err
}

// seek goes on in the present block, whose hashes grow, to a key.
func (l *blockCursor) seek(hash uint64, key []byte) (value []byte, rejected, ok bool) {
	for at := l.at; at < len(l.data); {
		p := l.data[at:]
		h := binary.LittleEndian.Uint64(p)
		keySize, size := int(binary.LittleEndian.Uint32(p[8:])), binary.LittleEndian.Uint32(p[12:])
		end := entryHead + keySize + int(size&^(1<<31))
		switch {
		case h > hash:
			return nil, false, false
		case h < hash:
			l.at = at + end
		case bytes.Equal(p[entryHead:entryHead+keySize], key):
			return p[entryHead+keySize : end], size>>31 == 1, true
		}
		at += end
	}
	return nil, false, false
}
