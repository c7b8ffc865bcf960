package sourcetest

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

// LiveSource is a source whose rows change while it is read, with the two moments of a commit
// that a real database has: it is in the stream first, and visible to new snapshots
// later. Each row belongs to a group, and its document holds the group's value.
type LiveSource struct {
	OnLookup   func(ids []string) // called behind each lookup's read, before it returns
	Partitions int                // 1 by default
	MayLose    bool               // it shows commits that it has not flushed: see CommitUnflushed
	Versioned  bool               // documents have the versions of their rows

	mu           sync.Mutex
	rows         map[string]Row
	groups       map[string]string
	xid          uint64
	invisible    map[uint64][]Change // in the stream, not visible yet
	stream       []sources.ChangeSet
	more         chan struct{}  // closed and replaced when the stream grows
	acknowledged map[string]int // of each capture: transactions that a new feed may leave out
	fences       int

	unflushed
}

// Row of a Live.
type Row struct {
	Group, Value string
	Version      int64
}

// Change of one row or one group; a nil Row deletes.
type Change struct {
	ID    string
	Row   *Row
	Group string // with Value: a change of that group, and ID is empty
	Value string
}

var (
	_ sources.Source   = (*LiveSource)(nil)
	_ sources.Capturer = (*LiveSource)(nil)
	_ sources.Expander = (*liveView)(nil)
)

// NewLiveSource makes a source without rows.
func NewLiveSource() *LiveSource {
	return &LiveSource{
		rows: map[string]Row{}, groups: map[string]string{}, invisible: map[uint64][]Change{}, acknowledged: map[string]int{},
		xid: 1, more: make(chan struct{}), unflushed: unflushed{rowsFlushed: map[string]Row{}, groupsFlushed: map[string]string{}},
	}
}

// Commit makes a transaction that is in the stream and visible.
func (l *LiveSource) Commit(changes ...Change) {
	l.Reveal(l.Stage(changes...))
}

// Stage makes a transaction that is in the stream, but which nobody sees before Reveal.
func (l *LiveSource) Stage(changes ...Change) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	xid, m := l.begin(changes)
	l.invisible[xid] = changes
	l.publish(m)
	return xid
}

// begin is a transaction, and what the stream will say of it.
func (l *LiveSource) begin(changes []Change) (uint64, sources.ChangeSet) {
	xid := l.xid
	l.xid++
	m := sources.ChangeSet{Xid: xid, Position: sources.Position(strconv.Itoa(len(l.stream) + 1))}
	for _, c := range changes {
		if c.ID == "" {
			m.Keys = append(m.Keys, sources.DirtyKey{Node: "group", Key: c.Group})
		} else {
			m.Keys = append(m.Keys, sources.DirtyKey{Key: c.ID})
		}
	}
	return xid, m
}

func (l *LiveSource) publish(m sources.ChangeSet) {
	l.stream = append(l.stream, m)
	close(l.more)
	l.more = make(chan struct{})
}

// Reveal makes what a transaction did visible to reads from now on.
func (l *LiveSource) Reveal(xid uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	apply(l.invisible[xid], l.rows, l.groups)
	apply(l.invisible[xid], l.rowsFlushed, l.groupsFlushed)
	delete(l.invisible, xid)
}

func apply(changes []Change, rows map[string]Row, groups map[string]string) {
	for _, c := range changes {
		switch {
		case c.ID == "":
			groups[c.Group] = c.Value
		case c.Row == nil:
			delete(rows, c.ID)
		default:
			rows[c.ID] = *c.Row
		}
	}
}

// Documents is what the index must hold when everything is visible and settled.
func (l *LiveSource) Documents() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	docs := map[string]string{}
	for id := range l.rows {
		docs[id] = l.document(id)
	}
	return docs
}

func (l *LiveSource) document(id string) string {
	r := l.rows[id]
	return fmt.Sprintf(`{"id":%q,"value":%q,"group":{"id":%q,"value":%q}}`, id, r.Value, r.Group, l.groups[r.Group])
}

func (l *LiveSource) snapshot() sources.TxSnapshot {
	s := sources.TxSnapshot{Min: l.xid, Max: l.xid, Running: slices.Sorted(maps.Keys(l.invisible))}
	if len(s.Running) > 0 {
		s.Min = s.Running[0]
	}
	return s
}

// Plan parts the rows by the hash of their ids.
func (l *LiveSource) Plan(context.Context) (sources.Plan, error) {
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
func (l *LiveSource) Open(context.Context) (sources.View, error) { return &liveView{live: l}, nil }

type liveView struct{ live *LiveSource }

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
		l.appendRow(b, ids[i])
	}
	b.Snapshot = l.snapshot()
	l.mu.Unlock()
	if l.OnLookup != nil {
		l.OnLookup(ids)
	}
	return nil
}

func (l *LiveSource) appendRow(b *sources.Batch, id string) {
	r := sources.Record{Key: b.Hold([]byte(id))}
	if row, ok := l.rows[id]; ok {
		r.Version, r.Versioned = row.Version, l.Versioned
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
	live *LiveSource
	part string // which
	last string
}

// PartitionOf says in which partition a row is.
func (l *LiveSource) PartitionOf(id string) string {
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
		if id > r.last && (!found || id < next) && l.PartitionOf(id) == r.part {
			next, found = id, true
		}
	}
	if found {
		r.last = next
		l.appendRow(b, next)
		b.Snapshot = l.snapshot()
		b.Position = sources.Position(next)
		return nil
	}
	return io.EOF
}

// liveStream gives what was committed, transaction by transaction.
type liveStream struct {
	live *LiveSource
	name string
	at   int // transactions given out
}

// Capture goes on behind from, or begins now.
func (l *LiveSource) Capture(_ context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &liveStream{live: l, name: name, at: len(l.stream)}
	if from != "" {
		at, err := strconv.Atoi(string(from))
		if err != nil {
			return nil, fmt.Errorf("position %q: %w", from, err)
		}
		f.at = at
	}
	if f.at < l.acknowledged[name] {
		return nil, &sources.ErrChangesLost{Why: fmt.Sprintf("the capture is at %d, the position at %d", l.acknowledged[name], f.at), Remedy: "what was read cannot be trusted to be complete"}
	}
	return f, nil
}

// Release has nothing to drop.
func (l *LiveSource) Release(context.Context, string) error { return nil }

func (f *liveStream) Next(ctx context.Context, m *sources.ChangeSet) error {
	for {
		f.live.mu.Lock()
		more := f.live.more
		if f.at < len(f.live.stream) {
			*m = f.live.stream[f.at]
			f.at++
			f.live.mu.Unlock()
			return nil
		}
		f.live.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Acknowledged is how many transactions a new feed may leave out, of whatever capture.
func (l *LiveSource) Acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := 0
	for _, at := range l.acknowledged {
		most = max(most, at)
	}
	return most
}

// Unacknowledge goes back to a value of Acknowledged: what was acknowledged since comes
// from a process that the test has dead by then.
func (l *LiveSource) Unacknowledge(to int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, at := range l.acknowledged {
		l.acknowledged[name] = min(at, to)
	}
}

// Skip moves a capture ahead of what was given out, as somebody does who reads it, too.
func (l *LiveSource) Skip(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[name] = len(l.stream) + 1
}

func (f *liveStream) Acknowledge(_ context.Context, to sources.Position) error {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	at, err := strconv.Atoi(string(to))
	if err != nil {
		return fmt.Errorf("position %q: %w", to, err)
	}
	f.live.acknowledged[f.name] = max(f.live.acknowledged[f.name], at)
	return nil
}

func (f *liveStream) Fence(context.Context) (string, error) {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	f.live.flush()
	f.live.fences++
	id := fmt.Sprint("fence ", f.live.fences)
	f.live.publish(sources.ChangeSet{Fence: id, Position: sources.Position(strconv.Itoa(len(f.live.stream) + 1))})
	return id, nil
}

func (f *liveStream) Lag(context.Context) (behind, held int64, err error) {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	return int64(len(f.live.stream) - f.at), int64(len(f.live.stream) - f.live.acknowledged[f.name]), nil
}

func (*liveStream) Close(context.Context) error { return nil }
