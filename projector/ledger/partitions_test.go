package ledger

import (
	"errors"
	"strings"
	"testing"

	"humpty/sources"
)

// TestEachPartitionIsAccountedFor: what is lost between a reader and the target's verdict
// leaves its partition open or out of balance, and is named.
func TestEachPartitionIsAccountedFor(t *testing.T) {
	t.Parallel()
	planned := []sources.Partition{{ID: "p0"}, {ID: "p1"}}
	read := func(p *Partitions, partition string, used, produced int64) {
		p.Acquire(partition)
		of := p.Book(partition)
		of.AddInput(sources.Counts{Read: used, Used: used})
		of.sum.Produced, of.sum.Written = of.sum.Produced+produced, of.sum.Written+produced
	}
	for name, c := range map[string]struct {
		lose func(p *Partitions) error
		want string // in the error; empty: none
	}{
		"nothing": {func(p *Partitions) error {
			read(p, "p1", 5, 5)
			return p.Done("p1")
		}, ""},
		"a partition": {func(*Partitions) error { return nil }, "partition p1 does not balance: it was never read"},
		"a batch": {func(p *Partitions) error {
			p.Acquire("p1") // the reader
			read(p, "p1", 5, 5)
			return p.Done("p1")
		}, "partition p1 does not balance: 1 of its readers and batches never came to an end"},
		"a document": {func(p *Partitions) error {
			read(p, "p1", 5, 4)
			return p.Done("p1")
		}, "partition p1 does not balance: what was read there is not what was written or refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPartitions(1, nil, nil)
			read(p, "p0", 3, 3)
			if err := errors.Join(p.Done("p0"), c.lose(p)); err != nil {
				t.Fatal(err)
			}
			err := p.Check(planned)
			var unbalanced *Unbalanced
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.As(err, &unbalanced) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
