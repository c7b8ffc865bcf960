package projector

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
	read := func(s *shares, partition string, used, produced int64) {
		s.hold(partition)
		of := s.of(partition)
		of.input(sources.Counts{Read: used, Used: used})
		of.sum.Produced, of.sum.Written = of.sum.Produced+produced, of.sum.Written+produced
	}
	for name, c := range map[string]struct {
		lose func(s *shares) error
		want string // in the error; empty: none
	}{
		"nothing": {func(s *shares) error {
			read(s, "p1", 5, 5)
			return s.free("p1")
		}, ""},
		"a partition": {func(*shares) error { return nil }, "partition p1 does not balance: it was never read"},
		"a batch": {func(s *shares) error {
			s.hold("p1") // the reader
			read(s, "p1", 5, 5)
			return s.free("p1")
		}, "partition p1 does not balance: 1 of its readers and batches never came to an end"},
		"a document": {func(s *shares) error {
			read(s, "p1", 5, 4)
			return s.free("p1")
		}, "partition p1 does not balance: what was read there is not what was written or refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShares(nil, 1)
			read(s, "p0", 3, 3)
			if err := errors.Join(s.free("p0"), c.lose(s)); err != nil {
				t.Fatal(err)
			}
			err := s.check(planned)
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
