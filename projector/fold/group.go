package fold

import (
	"bytes"
	"cmp"
	"slices"
)

// ref is where an entry is: block and place in it.
type ref struct{ block, at uint32 }

// group is the entries of one key, as a chain in the order in which they arrived.
type group struct {
	hash        uint64
	first, last int32
	count       int32
}

// grouping brings entries of a part of a bucket together by key.
type grouping struct {
	blocks [][]byte
	refs   []ref
	next   []int32 // of each ref, in its chain; -1: the last
	groups []group
	table  []int32 // hash table of groups, by open addressing; 0: free
}

// byKey groups all entries whose hash is in [from, to), in order of hash and key.
func (g *grouping) byKey(blocks [][]byte, from, to uint64) {
	g.blocks = blocks
	g.refs, g.next, g.groups = g.refs[:0], g.next[:0], g.groups[:0]
	for n, block := range blocks {
		for at := 0; at < len(block); {
			p := block[at:]
			if h := entryHash(p); h >= from && h-from <= to-1-from { // to 0: no end
				g.refs = append(g.refs, ref{uint32(n), uint32(at)})
			}
			at += entrySize(p)
		}
	}
	size := 16
	for size < 2*len(g.refs) {
		size *= 2
	}
	if cap(g.table) < size {
		g.table = make([]int32, size)
	} else {
		g.table = g.table[:size]
		clear(g.table)
	}
	for i := range g.refs {
		g.next = append(g.next, -1)
		g.chain(int32(i), uint64(size-1))
	}
	slices.SortFunc(g.groups, func(a, b group) int {
		if c := cmp.Compare(a.hash, b.hash); c != 0 {
			return c
		}
		return bytes.Compare(g.key(a), g.key(b))
	})
}

func (g *grouping) entry(i int32) []byte { return g.blocks[g.refs[i].block][g.refs[i].at:] }

func (g *grouping) key(of group) []byte { return entryKey(g.entry(of.first)) }

// chain hangs entry i on its group.
func (g *grouping) chain(i int32, mask uint64) {
	p := g.entry(i)
	hash := entryHash(p)
	for slot := hash & mask; ; slot = (slot + 1) & mask {
		n := g.table[slot]
		if n == 0 {
			g.groups = append(g.groups, group{hash: hash, first: i, last: i, count: 1})
			g.table[slot] = int32(len(g.groups))
			return
		}
		if of := &g.groups[n-1]; of.hash == hash && bytes.Equal(g.key(*of), entryKey(p)) {
			g.next[of.last] = i
			of.last = i
			of.count++
			return
		}
	}
}

// entries appends those of a group, in the order in which they are to be folded.
func (g *grouping) entries(of group, dst []entry) []entry {
	mixed := false
	for i := of.first; i >= 0; i = g.next[i] {
		dst = append(dst, entry{})
		e := &dst[len(dst)-1]
		e.read(g.entry(i))
		mixed = mixed || e.source != dst[0].source
	}
	if mixed {
		order(dst)
	}
	return dst
}

// order sorts entries of one key from several partitions, which came in order from each.
// An event is taken to be no older than those before it in its partition.
func order(entries []entry) {
	newest := map[uint16]int64{}
	for i := range entries {
		e := &entries[i]
		if t, ok := newest[e.source]; ok && t > e.time {
			e.rank = t
		} else {
			e.rank, newest[e.source] = e.time, e.time
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.source, b.source), cmp.Compare(a.offset, b.offset))
	})
}
