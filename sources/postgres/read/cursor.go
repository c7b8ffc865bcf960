package read

import (
	"fmt"
	"strconv"
	"time"

	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const cursorBatch = 2000 // of a cursor at a time

// cursor reads an include that no index reaches. A query per page would read the table
// once a page; a cursor over the join from the root down, sorted as the root is, reads
// it once a partition and is consumed page by page.
type cursor struct {
	open bool
	end  bool   // nothing is left behind what is held
	held []byte // rows that came and are not yet part of a finished page
	ends []int
}

func (s *cursor) at(i int) []byte {
	if i == 0 {
		return s.held[:s.ends[0]]
	}
	return s.held[s.ends[i-1]:s.ends[i]]
}

// drop forgets the first n rows.
func (s *cursor) drop(n int) {
	if n == 0 {
		return
	}
	cut := s.ends[n-1]
	s.held = s.held[:copy(s.held, s.held[cut:])]
	s.ends = s.ends[:copy(s.ends, s.ends[n:])]
	for i := range s.ends {
		s.ends[i] -= cut
	}
}

// fetch takes more rows from the server, and says how many came.
func (s *cursor) fetch(db *session.Session, name string) (came int, err error) {
	db.Queue([]byte("fetch forward " + strconv.Itoa(cursorBatch) + " from " + name))
	if err := db.Flush(); err != nil {
		return 0, err
	}
	for {
		row, err := db.Row()
		if err != nil {
			return 0, err
		}
		if row == nil {
			break
		}
		came++
		s.held = append(s.held, row...)
		s.ends = append(s.ends, len(s.held))
	}
	s.end = came < cursorBatch
	return came, nil
}

// cursors are those of one page's transaction.
type cursors struct {
	byNode []*cursor // nil: no include is read by one
	upTo   []string  // the end of what they read
}

// start makes a page read by cursors what no index reaches; they live as long as the
// transaction it reads in.
func (c *cursors) start(t *query.Tree, hi []string) {
	c.upTo, c.byNode = hi, make([]*cursor, len(t.Nodes))
	for i, n := range t.Nodes {
		if n.Fetch == query.ByCursor {
			c.byNode[i] = &cursor{}
		}
	}
}

// of returns the cursor of a node, nil if it is read another way.
func (c *cursors) of(n *query.Node) *cursor {
	if c.byNode == nil {
		return nil
	}
	return c.byNode[n.Index]
}

// leaveOut makes every cursor give no rows, without a word to the server.
func (c *cursors) leaveOut() {
	for _, s := range c.byNode {
		if s != nil {
			s.open, s.end = true, true
		}
	}
}

// close closes the cursors; a session that cannot do it in time is spent.
func (c *cursors) close(db *session.Session, t *query.Tree, within time.Duration) {
	if db.IsSpent() {
		return
	}
	db.SetDeadline(time.Now().Add(within))
	for i, s := range c.byNode {
		if s == nil || !s.open {
			continue
		}
		if err := db.Run("close " + t.Nodes[i].CursorName()); err != nil {
			return
		}
		s.open = false
		db.Done()
	}
	db.SetDeadline(time.Time{})
}

// readCursor takes an include's rows for the roots on the page from its cursor.
func (p *page) readCursor(n *query.Node, lo []string) error {
	s := p.cursors.of(n)
	if !s.open {
		if err := p.db.Run(n.DeclareCursor(p.tree.Root, lo, p.cursors.upTo)); err != nil {
			return err
		}
		s.open = true
	}
	for i := 0; ; i++ {
		if i == len(s.ends) && !s.end {
			came, err := s.fetch(p.db, n.CursorName())
			if err != nil {
				return err
			}
			p.rows += int64(came)
		}
		if i == len(s.ends) {
			return nil
		}
		behind, err := p.addCursorRow(n, s.at(i))
		if behind || err != nil {
			return err
		}
	}
}

// addCursorRow adds one row of a cursor to the page, or says that it lies behind it.
func (p *page) addCursorRow(n *query.Node, row []byte) (behind bool, err error) {
	keys, l := len(p.tree.Root.Key), &p.byNode[n.Index]
	lead, own, err := p.split(n, row, keys+len(n.ParentPairs))
	if err != nil {
		return false, err
	}
	root := p.roots.keys.find(p.leadingKey(row, lead[:keys]))
	if root < 0 || int(root) >= p.n {
		return true, nil
	}
	g := l.keys.find(p.leadingKey(row, lead[keys:]))
	if g < 0 {
		return false, fmt.Errorf("%s: the cursor gives a row whose parent is not there", n.Relation.Label)
	}
	if l.roots[g] != root {
		return false, nil // an earlier root has the same parent, and its rows
	}
	p.seen[n.Index]++
	before := len(l.data)
	if err := p.add(n, row, own, int(g), root); err != nil {
		return false, err
	}
	if p.size += len(l.data) - before; p.size > 4*p.maxBytes && p.n > 1 {
		p.n = int(root)
		return true, nil
	}
	return false, nil
}

// dropFinished lets the cursors' rows go that belong to the documents of the page.
func (p *page) dropFinished() error {
	keys := len(p.tree.Root.Key)
	for i, s := range p.cursors.byNode {
		if s == nil {
			continue
		}
		n, count := p.tree.Nodes[i], 0
		for ; count < len(s.ends); count++ {
			lead, _, err := p.split(n, s.at(count), keys+len(n.ParentPairs))
			if err != nil {
				return err
			}
			if root := p.roots.keys.find(p.leadingKey(s.at(count), lead[:keys])); root < 0 || int(root) >= p.n {
				break
			}
		}
		s.drop(count)
	}
	return nil
}
