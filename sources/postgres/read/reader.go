package read

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const (
	firstPageRoots = 128    // of the first page, before anything is known
	maxPageRoots   = 20_000 // of any page
	closeTimeout   = 5 * time.Second
)

// reader reads one partition page by page over one connection.
type reader struct {
	view *View
	db   *session.Session
	part sources.Partition
	page *page
	w    writer

	position []byte // position behind the last document given
	next     int    // document of the page that comes next

	mu           sync.Mutex // held while a page is read, or the rest is cut
	lo, hi       []string   // the page and the rest of the partition: behind lo, up to hi
	pageEstimate            // of the next page
	end          bool       // nothing behind the page
	spent        error
	snapshot     sources.TxSnapshot // live: what the page was read in
	counts       sources.Counts     // of the page, not yet given out
}

func newReader(v *View, db *session.Session, p sources.Partition, lo, hi []string) *reader {
	r := &reader{view: v, db: db, part: p, lo: lo, hi: hi}
	r.page, r.pageEstimate = v.pages.take(v, db)
	r.w.arena = r.page.rowArena
	if !v.pool.IsLive() { // there, no cursor would outlive its page
		r.page.cursors.start(v.tree, hi)
	}
	return r
}

// Next implements sources.Reader.
func (r *reader) Next(ctx context.Context, b *sources.Batch) error {
	if r.spent != nil {
		return r.spent
	}
	before := len(b.Records)
	for !b.Full() {
		if r.next == r.page.n {
			if r.end {
				break
			}
			if err := r.nextPage(ctx); err != nil {
				return err
			}
			b.Records = slices.Grow(b.Records, r.page.n)
			continue
		}
		b.Records = append(b.Records, document(&r.w, r.page, r.next, b))
		r.next++
	}
	added := int64(len(b.Records) - before)
	if added == 0 {
		return io.EOF
	}
	if r.next > 0 {
		r.position = append(r.position[:0], r.page.roots.position(r.next-1)...)
	}
	b.Position, b.Snapshot = sources.Position(r.position), r.snapshot
	b.Counts.Add(sources.Counts{Read: added, Used: added, Rows: r.counts.Rows, Bytes: r.counts.Bytes})
	r.counts = sources.Counts{}
	return nil
}

// document writes a document of the page into b and returns its record.
func document(w *writer, p *page, i int, b *sources.Batch) sources.Record {
	h := &p.roots.metas[i]
	rec := sources.Record{Key: b.Hold(h.id.Of(p.roots.texts)), Version: h.version, Versioned: p.tree.Root.Version >= 0}
	if !h.routing.Null() {
		rec.Routing = b.Hold(h.routing.Of(p.roots.texts))
	}
	start := len(b.Data)
	w.reject = h.reject
	b.Data = w.row(b.Data, p.tree.Root.Node, int32(i))
	if w.reject != "" {
		rec.Reject, b.Data = w.reject, b.Data[:start]
	} else {
		rec.Value = b.Data[start:len(b.Data):len(b.Data)]
	}
	return rec
}

// nextPage waits for its turn and reads the next page.
func (r *reader) nextPage(ctx context.Context) error {
	err := r.view.options.Throttle.wait(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = r.readPage(ctx)
	}
	if err != nil {
		r.spent = fmt.Errorf("partition %s: %w", r.part.ID, err)
		return r.spent
	}
	return nil
}

// readPage reads the next page. A page holds fewer documents than were asked for where
// they are larger than expected, but at least one, unless the partition ends.
func (r *reader) readPage(ctx context.Context) error {
	defer r.db.CancelWith(ctx)()
	if r.page.n > 0 {
		var err error
		r.position = append(r.position[:0], r.page.roots.position(r.page.n-1)...)
		if r.lo, err = query.ParseKey(string(r.position), len(r.view.tree.Root.Key)); err != nil {
			return err
		}
	}
	before := r.db.BytesReceived()
	for {
		err := r.read(ctx, r.roots)
		took := r.db.BytesReceived() - before
		r.counts.Add(sources.Counts{Rows: r.page.rows, Bytes: took})
		before = r.db.BytesReceived()
		r.view.options.Throttle.charge(r.page.rows, took)
		if err != nil {
			return r.explain(ctx, err)
		}
		if r.end || r.page.n > 0 {
			r.adapt()
			return nil
		}
		r.roots = 1 // the first document alone is more than a page
	}
}

func (r *reader) read(ctx context.Context, roots int) error {
	r.next = 0
	if !r.view.pool.IsLive() {
		err := r.page.read(r.lo, r.hi, roots, r.limit)
		r.end = r.page.last
		return err
	}
	saw, err := r.db.InSnapshot(ctx, func() error { return r.page.read(r.lo, r.hi, roots, r.limit) })
	r.snapshot, r.end = saw, r.page.last
	return err
}

// limit bounds what is read for nothing when a page turns out too large.
func (r *reader) limit(n *query.Node, roots int) int {
	if r.ratio[n.Index] == 0 || roots == 1 {
		return 0
	}
	return 1000 + int(4*r.ratio[n.Index]*float64(roots))
}

// adapt fits the next page to what the last ones held.
func (r *reader) adapt() {
	p := r.page
	if p.n == 0 {
		return
	}
	for i, seen := range p.seen {
		r.ratio[i] = max(float64(seen)/float64(len(p.roots.metas)), r.ratio[i]*0.9)
	}
	each := max(p.size/max(len(p.roots.metas), 1), 1)
	if p.n < len(p.roots.metas) {
		each = max(each, p.size/p.n)
	}
	r.roots = min(max(r.view.options.PageBytes/each, 1), 4*r.roots, r.view.options.Throttle.maxRoots(float64(p.rows)/float64(len(p.roots.metas))))
	for i := range p.byNode {
		p.byNode[i].expect(r.roots, len(p.roots.metas))
	}
}

// explain says what happened where the server's or the network's words do not.
func (r *reader) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "40001" {
		return fmt.Errorf("%s: %w\n    raise max_standby_streaming_delay of the replica, or set hot_standby_feedback = on there, or read from the primary", r.db.Name, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || pg != nil && strings.HasPrefix(pg.Code, "57P") {
		return fmt.Errorf("%s: the server ended the connection: %w", r.db.Name, err)
	}
	return err
}

// Close implements sources.Reader.
func (r *reader) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db != nil {
		r.page.cursors.close(r.db, r.view.tree, closeTimeout)
		r.view.pool.Release(ctx, r.db)
		r.view.pages.put(r.page, r.pageEstimate)
		r.db = nil
		r.spent = errors.New("the reader is closed")
	}
	return nil
}
