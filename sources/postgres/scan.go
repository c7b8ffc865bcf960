package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

// declare is the SQL of a node's cursor for the roots behind lo, up to hi. Its rows
// are the root's key and the parent's side of the condition as the page knows them,
// then the node's own columns.
func (t *tree) declare(n *node, lo, hi []string) string {
	var path []*node
	for at := n; at.parent != nil; at = at.parent {
		path = append([]*node{at}, path...)
	}
	root, keys := t.root, len(t.root.key)
	sorts, texts := make([]string, keys), make([]string, keys)
	for i, k := range root.key {
		sorts[i] = "r.k" + strconv.Itoa(i)
		texts[i] = "r.c" + strconv.Itoa(k.col) + " as t" + strconv.Itoa(i)
	}
	heads := func(child *node) string {
		var list strings.Builder
		for i, j := range child.parentPairs {
			fmt.Fprintf(&list, ", r.c%d as h%d", j.col, i)
		}
		return list.String()
	}
	chain := []byte("select " + strings.Join(sorts, ", ") + ", " + strings.Join(texts, ", ") + heads(path[0]) + " from " + root.body() + " where true")
	chain = t.pages.bound(t.pages.bound(chain, " > ", lo), " <= ", hi)
	sql := string(chain)
	for i, at := range path[:len(path)-1] {
		sql = "select " + numbered("p.k", keys) + ", " + numbered("p.t", keys) + heads(path[i+1]) + " from (" + sql + ") p join " + at.joinToParent()
	}
	grouped := make([]string, len(n.parentPairs))
	for i := range n.parentPairs {
		grouped[i] = "p.h" + strconv.Itoa(i) + `::text collate "C"`
	}
	return "declare " + n.cursorName() + " binary no scroll cursor for select " + numbered("p.t", keys) + ", " + numbered("p.h", len(n.parentPairs)) + ", " + n.list() +
		" from (select distinct * from (" + sql + ") d) p join " + n.joinToParent() +
		" order by " + numbered("p.k", keys) + ", " + strings.Join(grouped, ", ") + n.orderTerms()
}

// joinToParent is the node's side of a join with its parents, which are called p.
func (n *node) joinToParent() string {
	from, side := n.source()
	if n.through != nil {
		from = "(" + from + ")"
	}
	on := make([]string, len(n.parentPairs))
	for i, j := range n.parentPairs {
		on[i] = fmt.Sprintf("%s%d = p.h%d::%s", side, i, i, j.cast)
	}
	return from + " on " + strings.Join(on, " and ")
}

func (n *node) cursorName() string { return "humpty_" + strconv.Itoa(n.index) }

// readCursor takes an include's rows for the roots on the page from its cursor.
func (p *page) readCursor(n *node, lo []string) error {
	s := p.cursors[n.index]
	if !s.open {
		if err := p.run(p.tree.declare(n, lo, p.upTo)); err != nil {
			return err
		}
		s.open = true
	}
	for i := 0; ; i++ {
		if i == len(s.ends) && !s.end {
			if err := p.fetchMore(n, s); err != nil {
				return err
			}
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
func (p *page) addCursorRow(n *node, row []byte) (behind bool, err error) {
	keys, l := len(p.tree.root.key), &p.byNode[n.index]
	lead, own, err := p.split(n, row, keys+len(n.parentPairs))
	if err != nil {
		return false, err
	}
	root := p.roots.find(p.leadingKey(row, lead[:keys]))
	if root < 0 || int(root) >= p.n {
		return true, nil
	}
	g := l.keys.find(p.leadingKey(row, lead[keys:]))
	if g < 0 {
		return false, fmt.Errorf("%s: the cursor gives a row whose parent is not there", n.rel.label)
	}
	if l.roots[g] != root {
		return false, nil // an earlier root has the same parent, and its rows
	}
	p.seen[n.index]++
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

// fetchMore fetches rows of a cursor.
func (p *page) fetchMore(n *node, s *cursor) error {
	p.db.queue([]byte("fetch forward " + strconv.Itoa(cursorBatch) + " from " + n.cursorName()))
	if err := p.db.flush(); err != nil {
		return err
	}
	came := 0
	for {
		row, err := p.db.row()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		came++
		s.held = append(s.held, row...)
		s.ends = append(s.ends, len(s.held))
	}
	p.rows += int64(came)
	s.end = came < cursorBatch
	return nil
}

// dropFinished lets the cursors' rows go that belong to the documents of the page.
func (p *page) dropFinished() error {
	keys := len(p.tree.root.key)
	for i, s := range p.cursors {
		if s == nil {
			continue
		}
		n, count := p.tree.nodes[i], 0
		for ; count < len(s.ends); count++ {
			lead, _, err := p.split(n, s.at(count), keys+len(n.parentPairs))
			if err != nil {
				return err
			}
			if root := p.roots.find(p.leadingKey(s.at(count), lead[:keys])); root < 0 || int(root) >= p.n {
				break
			}
		}
		s.drop(count)
	}
	return nil
}

// openCursors makes the page read by cursors what no index reaches; they live as long as
// the transaction it reads in.
func (p *page) openCursors(hi []string) {
	p.upTo, p.cursors = hi, make([]*cursor, len(p.tree.nodes))
	for i, n := range p.tree.nodes {
		if n.fetch == byCursor {
			p.cursors[i] = &cursor{}
		}
	}
}

// cursorOf returns the scan of a node, nil if it is read another way.
func (p *page) cursorOf(n *node) *cursor {
	if p.cursors == nil {
		return nil
	}
	return p.cursors[n.index]
}

// closeCursors closes the cursors; a session that cannot do it in time is spent.
func (p *page) closeCursors(within time.Duration) {
	if p.db.spent {
		return
	}
	_ = p.db.conn.SetDeadline(time.Now().Add(within))
	for i, s := range p.cursors {
		if s == nil || !s.open {
			continue
		}
		if err := p.run("close " + p.tree.nodes[i].cursorName()); err != nil {
			return
		}
		s.open = false
		p.db.done()
	}
	_ = p.db.conn.SetDeadline(time.Time{})
}

func (p *page) run(sql string) error {
	p.db.queue([]byte(sql))
	if err := p.db.flush(); err != nil {
		return err
	}
	return p.db.skip()
}
