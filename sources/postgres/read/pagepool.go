package read

import (
	"sync"

	"humpty/sources/postgres/session"
)

// pagePool keeps the pages of readers that are done for those that come: a page grows to
// megabytes, and a partition is read in seconds.
type pagePool struct {
	mu   sync.Mutex
	free []freePage
}

type freePage struct {
	page     *page
	estimate pageEstimate // of the next one
}

// take returns a page of the view's tree for a reader on db.
func (s *pagePool) take(v *View, db *session.Session) (*page, pageEstimate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		p := newPage(v.tree, db, v.memory, v.options.PageBytes)
		p.types = v.types
		return p, pageEstimate{roots: min(firstPageRoots, v.options.Throttle.maxRoots(1)), ratio: make([]float64, len(v.tree.Nodes))}
	}
	free := s.free[last]
	s.free = s.free[:last]
	free.page.db = db
	return free.page, free.estimate
}

// put takes a page back, with what its reader has learnt for the next partition.
func (s *pagePool) put(p *page, estimate pageEstimate) {
	p.reset()
	p.cursors, p.db = cursors{}, nil
	s.mu.Lock()
	s.free = append(s.free, freePage{p, estimate})
	s.mu.Unlock()
}
