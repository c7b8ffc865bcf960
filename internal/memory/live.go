package memory

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"

	"humpty/sources"
)

// Live is a source whose rows change while it is read, with the two moments of a commit
// that a real database has: it is in the stream first, and visible to new snapshots
// later. Each row belongs to a group, and its document holds the group's value.
type Live struct {
	OnLookup   func(ids []string) // called behind each lookup's read, before it returns
	Partitions int                // 1 by default

	mu     sync.Mutex
	rows   map[string]Row
	groups map[string]string
	xid    uint64
	unseen map[uint64][]Change // in the stream, not visible yet
	stream []sources.ChangeSet
	more   chan struct{}  // closed and replaced when the stream grows
	acked  map[string]int // of each capture: transactions that a new feed may leave out
	fences int
}

// Row of a Live.
type Row struct{ Group, Value string }

// Change of one row or one group; a nil Row deletes.
type Change struct {
	ID    string
	Row   *Row
	Group string // with Value: a change of that group, and ID is empty
	Value string
}

var (
	_ sources.Source   = (*Live)(nil)
	_ sources.Capturer = (*Live)(nil)
	_ sources.Expander = (*liveView)(nil)
)

// NewLive makes a source without rows.
func NewLive() *Live {
	return &Live{
		rows: map[string]Row{}, groups: map[string]string{}, unseen: map[uint64][]Change{}, acked: map[string]int{},
		xid: 1, more: make(chan struct{}),
	}
}

// Commit makes a transaction that is in the stream and visible.
func (l *Live) Commit(changes ...Change) {
	l.Reveal(l.Stage(changes...))
}

// Stage makes a transaction that is in the stream, but which nobody sees before Reveal.
func (l *Live) Stage(changes ...Change) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	xid := l.xid
	l.xid++
	l.unseen[xid] = changes
	m := sources.ChangeSet{Xid: xid, Position: sources.Position(strconv.Itoa(len(l.stream) + 1))}
	for _, c := range changes {
		if c.ID == "" {
			m.Keys = append(m.Keys, sources.DirtyKey{Node: "group", Key: c.Group})
		} else {
			m.Keys = append(m.Keys, sources.DirtyKey{Key: c.ID})
		}
	}
	l.put(m)
	return xid
}

func (l *Live) put(m sources.ChangeSet) {
	l.stream = append(l.stream, m)
	close(l.more)
	l.more = make(chan struct{})
}

// Reveal makes what a transaction did visible to reads from now on.
func (l *Live) Reveal(xid uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.unseen[xid] {
		switch {
		case c.ID == "":
			l.groups[c.Group] = c.Value
		case c.Row == nil:
			delete(l.rows, c.ID)
		default:
			l.rows[c.ID] = *c.Row
		}
	}
	delete(l.unseen, xid)
}

// Documents is what the index must hold when everything is visible and settled.
func (l *Live) Documents() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	docs := map[string]string{}
	for id := range l.rows {
		docs[id] = l.document(id)
	}
	return docs
}

func (l *Live) document(id string) string {
	r := l.rows[id]
	return fmt.Sprintf(`{"id":%q,"value":%q,"group":{"id":%q,"value":%q}}`, id, r.Value, r.Group, l.groups[r.Group])
}

func (l *Live) snapshot() sources.TxSnapshot {
	s := sources.TxSnapshot{Min: l.xid, Max: l.xid, Running: slices.Sorted(maps.Keys(l.unseen))}
	if len(s.Running) > 0 {
		s.Min = s.Running[0]
	}
	return s
}

// Plan parts the rows by the hash of their ids.
func (l *Live) Plan(context.Context) (sources.Plan, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(len(l.rows))
	plan := sources.Plan{Readers: 1, Rows: n}
	for i := range max(l.Partitions, 1) {
		plan.Partitions = append(plan.Partitions, sources.Partition{ID: fmt.Sprint("live/", i), From: fmt.Sprint(i)})
	}
	return plan, nil
}

// Open reads in short transactions: every Next sees the present.
func (l *Live) Open(context.Context) (sources.View, error) { return &liveView{live: l}, nil }

type liveView struct{ live *Live }

func (*liveView) Close(context.Context) error { return nil }

func (v *liveView) Read(_ context.Context, p sources.Partition, _ sources.Position) (sources.Reader, error) {
	return &liveReader{live: v.live, part: p.From}, nil
}

func (v *liveView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l := v.live
	l.mu.Lock()
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = string(key)
		l.append(b, ids[i])
	}
	b.Snapshot = l.snapshot()
	l.mu.Unlock()
	if l.OnLookup != nil {
		l.OnLookup(ids)
	}
	return nil
}

func (l *Live) append(b *sources.Batch, id string) {
	r := sources.Record{Key: b.Hold([]byte(id))}
	if _, ok := l.rows[id]; ok {
		r.Value = b.Hold([]byte(l.document(id)))
	} else {
		r.Deleted = true
	}
	b.Records = append(b.Records, r)
	b.Counts.Read++
	b.Counts.Used++
}

func (v *liveView) Expand(_ context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	l := v.live
	l.mu.Lock()
	var ids [][]byte
	for _, m := range marks {
		for id, r := range l.rows {
			if m.All || (m.Node == "group" && r.Group == m.Key) {
				ids = append(ids, []byte(id))
			}
		}
	}
	saw := l.snapshot()
	l.mu.Unlock()
	return saw, fn(ids)
}

// liveReader reads one row a batch, in order of ids.
type liveReader struct {
	live *Live
	part string // which
	last string
}

// Part says in which partition a row is.
func (l *Live) Part(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return fmt.Sprint(int(h.Sum32()) % max(l.Partitions, 1))
}

func (*liveReader) Close(context.Context) error { return nil }

func (r *liveReader) Next(_ context.Context, b *sources.Batch) error {
	l := r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	next, found := "", false
	for id := range l.rows {
		if id > r.last && (!found || id < next) && l.Part(id) == r.part {
			next, found = id, true
		}
	}
	if found {
		r.last = next
		l.append(b, next)
		b.Snapshot = l.snapshot()
		b.Position = sources.Position(next)
		return nil
	}
	return io.EOF
}
