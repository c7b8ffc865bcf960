package postgres

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
)

const (
	firstPageRoots = 128    // of the first page, before anything is known
	maxPageRoots   = 20_000 // of any page
	closeTimeout   = 5 * time.Second
)

// reader reads one partition page by page over one connection.
type reader struct {
	view *view
	db   *session
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
	rows         int64              // of the page, not yet counted
	bytes        int64
}

func newReader(v *view, db *session, p sources.Partition, lo, hi []string) *reader {
	r := &reader{view: v, db: db, part: p, lo: lo, hi: hi, page: v.tree.spare.take(v, db)}
	r.pageEstimate = r.page.learnt
	r.w.shelf = r.page.rowArena
	if !v.live { // there, no cursor would outlive its page
		r.page.openCursors(hi)
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
		r.position = append(r.position[:0], r.page.metas[r.next-1].position.of(r.page.texts)...)
	}
	b.Position, b.Snapshot = sources.Position(r.position), r.snapshot
	b.Counts.Add(sources.Counts{Read: added, Used: added, Rows: r.rows, Bytes: r.bytes})
	r.rows, r.bytes = 0, 0
	return nil
}

// document writes a document of the page into b and returns its record.
func document(w *writer, p *page, i int, b *sources.Batch) sources.Record {
	h := &p.metas[i]
	rec := sources.Record{Key: b.Hold(h.id.of(p.texts)), Version: h.version}
	if !h.routing.null() {
		rec.Routing = b.Hold(h.routing.of(p.texts))
	}
	start := len(b.Data)
	w.reject = h.reject
	b.Data = w.row(b.Data, p.tree.root, int32(i))
	if w.reject != "" {
		rec.Reject, b.Data = w.reject, b.Data[:start]
	} else {
		rec.Value = b.Data[start:len(b.Data):len(b.Data)]
	}
	return rec
}

// nextPage waits for its turn and reads the next page.
func (r *reader) nextPage(ctx context.Context) error {
	err := r.view.config.pace.wait(ctx)
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
	defer r.db.cancelWith(ctx)()
	if r.page.n > 0 {
		var err error
		r.position = append(r.position[:0], r.page.metas[r.page.n-1].position.of(r.page.texts)...)
		if r.lo, err = parsePosition(string(r.position), len(r.view.tree.root.key)); err != nil {
			return err
		}
	}
	before := r.db.received
	for {
		err := r.read(ctx, r.roots)
		took := r.db.received - before
		r.rows, r.bytes, before = r.rows+r.page.rows, r.bytes+took, r.db.received
		r.view.config.pace.charge(r.page.rows, took)
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
	if !r.view.live {
		err := r.page.read(r.lo, r.hi, roots, r.limit)
		r.end = r.page.last
		return err
	}
	saw, err := r.db.inSnapshot(ctx, func() error { return r.page.read(r.lo, r.hi, roots, r.limit) })
	r.snapshot, r.end = saw, r.page.last
	return err
}

// limit bounds what is read for nothing when a page turns out too large.
func (r *reader) limit(n *node, roots int) int {
	if r.ratio[n.index] == 0 || roots == 1 {
		return 0
	}
	return 1000 + int(4*r.ratio[n.index]*float64(roots))
}

// adapt fits the next page to what the last ones held.
func (r *reader) adapt() {
	p := r.page
	if p.n == 0 {
		return
	}
	for i, seen := range p.seen {
		r.ratio[i] = max(float64(seen)/float64(len(p.metas)), r.ratio[i]*0.9)
	}
	each := max(p.size/max(len(p.metas), 1), 1)
	if p.n < len(p.metas) {
		each = max(each, p.size/p.n)
	}
	r.roots = min(max(r.view.config.PageBytes/each, 1), 4*r.roots, r.view.config.pace.maxRoots(float64(p.rows)/float64(len(p.metas))))
	for i := range p.byNode {
		p.byNode[i].expect(r.roots, len(p.metas))
	}
}

// explain says what happened where the server's or the network's words do not.
func (r *reader) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "40001" {
		return fmt.Errorf("%s: %w\n    raise max_standby_streaming_delay of the replica, or set hot_standby_feedback = on there, or read from the primary", r.db.name, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || pg != nil && strings.HasPrefix(pg.Code, "57P") {
		return fmt.Errorf("%s: the server ended the connection: %w", r.db.name, err)
	}
	return err
}

// Close implements sources.Reader.
func (r *reader) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db != nil {
		r.page.closeCursors(closeTimeout)
		r.page.learnt = r.pageEstimate // serves the next partition
		r.view.release(ctx, r.db)
		r.view.tree.spare.put(r.page)
		r.db = nil
		r.spent = errors.New("the reader is closed")
	}
	return nil
}
