package spill

import (
	"bytes"
	"cmp"
	"slices"
)

// ref is where an entry is: block and place in it.
type ref struct{ block, at uint32 }

// Group is the entries of one key, as a chain in the order in which they arrived.
type Group struct {
	Hash        uint64
	first, last int32
	count       int32
}

// keyIndex brings entries of a part of a bucket together by key.
type keyIndex struct {
	blocks [][]byte
	refs   []ref
	next   []int32 // of each ref, in its chain; -1: the last
	Groups []Group // of the present pass, in order of hash and key
	table  []int32 // hash table of groups, by open addressing; 0: free
}

// build groups all entries whose hash is in [from, to), in order of hash and key.
func (g *keyIndex) build(blocks [][]byte, from, to uint64) {
	g.blocks = blocks
	g.refs, g.next, g.Groups = g.refs[:0], g.next[:0], g.Groups[:0]
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
		g.addToGroup(int32(i), uint64(size-1))
	}
	slices.SortFunc(g.Groups, func(a, b Group) int {
		if c := cmp.Compare(a.Hash, b.Hash); c != 0 {
			return c
		}
		return bytes.Compare(g.Key(a), g.Key(b))
	})
}

func (g *keyIndex) entry(i int32) []byte { return g.blocks[g.refs[i].block][g.refs[i].at:] }

// Key is the key of a group.
func (g *keyIndex) Key(of Group) []byte { return entryKey(g.entry(of.first)) }

// addToGroup hangs entry i on its group.
func (g *keyIndex) addToGroup(i int32, mask uint64) {
	p := g.entry(i)
	hash := entryHash(p)
	for slot := hash & mask; ; slot = (slot + 1) & mask {
		n := g.table[slot]
		if n == 0 {
			g.Groups = append(g.Groups, Group{Hash: hash, first: i, last: i, count: 1})
			g.table[slot] = int32(len(g.Groups))
			return
		}
		if of := &g.Groups[n-1]; of.Hash == hash && bytes.Equal(g.Key(*of), entryKey(p)) {
			g.next[of.last] = i
			of.last = i
			of.count++
			return
		}
	}
}

// Entries appends those of a group, in the order in which they are to be folded.
func (g *keyIndex) Entries(of Group, dst []Entry) []Entry {
	mixed := false
	for i := of.first; i >= 0; i = g.next[i] {
		dst = append(dst, Entry{})
		e := &dst[len(dst)-1]
		e.read(g.entry(i))
		mixed = mixed || e.Partition != dst[0].Partition
	}
	if mixed {
		SortByTime(dst)
	}
	return dst
}

// SortByTime sorts entries of one key from several partitions, which came in order from each.
// An event is taken to be no older than those before it in its partition.
func SortByTime(entries []Entry) {
	newest := map[uint16]int64{}
	for i := range entries {
		e := &entries[i]
		if t, ok := newest[e.Partition]; ok && t > e.Time {
			e.rank = t
		} else {
			e.rank, newest[e.Partition] = e.Time, e.Time
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
}
