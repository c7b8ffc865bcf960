package postgres

import "sync"

// spare keeps the pages of readers that are done for those that come: a page grows to
// megabytes, and a partition is read in seconds.
type spare struct {
	mu   sync.Mutex
	free []*page
}

// take returns a page of the view's tree for a reader on db.
func (s *spare) take(v *view, db *session) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		p := newPage(v.tree, db, v.memory, v.config.PageBytes)
		p.learnt = guess{roots: min(firstRoots, v.config.pace.most(1)), ratio: make([]float64, len(v.tree.nodes))}
		return p
	}
	p := s.free[last]
	s.free = s.free[:last]
	p.db = db
	return p
}

func (s *spare) put(p *page) {
	p.reset()
	p.scans, p.upTo, p.db = nil, nil, nil
	s.mu.Lock()
	s.free = append(s.free, p)
	s.mu.Unlock()
}
