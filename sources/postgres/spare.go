package postgres

import "sync"

// pagePool keeps the pages of readers that are done for those that come: a page grows to
// megabytes, and a partition is read in seconds.
type pagePool struct {
	mu   sync.Mutex
	free []*page
}

// take returns a page of the view's tree for a reader on db.
func (s *pagePool) take(v *view, db *session) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		p := newPage(v.tree, db, v.memory, v.config.PageBytes)
		p.learnt = pageEstimate{roots: min(firstPageRoots, v.config.pace.maxRoots(1)), ratio: make([]float64, len(v.tree.nodes))}
		return p
	}
	p := s.free[last]
	s.free = s.free[:last]
	p.db = db
	return p
}

func (s *pagePool) put(p *page) {
	p.reset()
	p.cursors, p.upTo, p.db = nil, nil, nil
	s.mu.Lock()
	s.free = append(s.free, p)
	s.mu.Unlock()
}
