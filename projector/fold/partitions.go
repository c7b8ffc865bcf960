package fold

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"humpty/sources"
)

// input is a partition of events.
type input struct {
	partition sources.Partition
	topic     string
	number    int32
}

// parseInput reads the id of a topic's partition, TOPIC/NUMBER; any other is a topic itself.
func parseInput(p sources.Partition) input {
	in := input{partition: p, topic: p.ID}
	if at := strings.LastIndexByte(p.ID, '/'); at >= 0 {
		var n int32
		if _, err := fmt.Sscan(p.ID[at+1:], &n); err == nil {
			in.topic, in.number = p.ID[:at], n
		}
	}
	return in
}

// eventID is where an event is: partition (its number in the plan) and offset.
type eventID struct {
	partition uint16
	offset    int64
}

// partitions are those that a capture reads. Their numbers stay what they are, also when
// more come: events are kept under them. Their order is another thing: it is that of a
// replay, by topic and partition.
type partitions struct {
	inputs []input // by number
	sorted []input // in order
	rank   []uint16
	number []uint16 // by rank
}

func newPartitions(inputs []input) *partitions {
	p := &partitions{inputs: inputs, sorted: make([]input, len(inputs)), rank: make([]uint16, len(inputs)), number: make([]uint16, len(inputs))}
	topics := map[string]int{}
	for i, in := range inputs {
		p.number[i] = uint16(i)
		if _, known := topics[in.topic]; !known {
			topics[in.topic] = i
		}
	}
	slices.SortStableFunc(p.number, func(a, b uint16) int {
		x, y := inputs[a], inputs[b]
		return cmp.Or(cmp.Compare(topics[x.topic], topics[y.topic]), cmp.Compare(x.number, y.number))
	})
	for rank, number := range p.number {
		p.sorted[rank], p.rank[number] = inputs[number], uint16(rank)
	}
	return p
}

// ids are the partitions by number.
func (p *partitions) ids() []string {
	all := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		all[i] = in.partition.ID
	}
	return all
}

// renumber gives the inputs the numbers that they had; which of them are new comes last. It is
// false where one is not there any more.
func (p *partitions) renumber(ids []string) (same *partitions, added int, ok bool) {
	var inputs []input
	rest := slices.Clone(p.inputs)
	for _, id := range ids {
		at := slices.IndexFunc(rest, func(in input) bool { return in.partition.ID == id })
		if at < 0 {
			return nil, 0, false
		}
		inputs = append(inputs, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	return newPartitions(append(inputs, rest...)), len(rest), true
}
