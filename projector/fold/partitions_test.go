package fold

import (
	"fmt"
	"slices"
	"testing"

	"humpty/sources"
)

func partitionsOf(ids ...string) *partitions {
	var all []input
	for _, id := range ids {
		all = append(all, parseInput(sources.Partition{ID: id}))
	}
	return newPartitions(all)
}

// Numbers stay, and the order is that of a replay: topics as they were named, their
// partitions by number.
func TestPartitionsKeepNumbersAndOrder(t *testing.T) {
	t.Parallel()
	was := []string{"zebra/0", "zebra/1", "ant/0"}
	p, added, ok := partitionsOf("zebra/0", "zebra/1", "zebra/2", "ant/0", "ant/1").renumber(was)
	if want := append(slices.Clone(was), "zebra/2", "ant/1"); !ok || added != 2 || !slices.Equal(p.ids(), want) {
		t.Fatalf("%v, %d added, %v; want %v", p.ids(), added, ok, want)
	}
	var sorted []string
	for rank, in := range p.sorted {
		sorted = append(sorted, in.partition.ID)
		if p.rank[p.number[rank]] != uint16(rank) {
			t.Errorf("rank %d is number %d, whose rank is %d", rank, p.number[rank], p.rank[p.number[rank]])
		}
	}
	if got := fmt.Sprint(sorted); got != "[zebra/0 zebra/1 zebra/2 ant/0 ant/1]" {
		t.Error(got)
	}
	if _, _, ok := partitionsOf("zebra/0", "ant/0").renumber(was); ok {
		t.Error("a partition that is gone was not missed")
	}
}
