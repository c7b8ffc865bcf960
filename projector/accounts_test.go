package projector_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"humpty/projector"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sources"
)

// TestLedgerByPartitionAndPass: the record of a run says what became of each partition's
// rows, and of each pass's documents.
func TestLedgerByPartitionAndPass(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	s.source.Partitions = 3
	rec := s.run(t)
	var sum sources.Counts
	for id, c := range rec.Inputs {
		if !strings.HasPrefix(id, "memory/") || c.Read == 0 || !c.Balanced() {
			t.Errorf("partition %s: %+v", id, c)
		}
		sum.Add(c)
	}
	if len(rec.Inputs) != 3 || sum != rec.Ledger.Inputs || sum.Read != 50 {
		t.Errorf("%d partitions with %+v in all, the ledger has %+v", len(rec.Inputs), sum, rec.Ledger.Inputs)
	}
	if want := (ledger.Pass{Pass: "load", Produced: 50, Written: 50}); len(rec.Passes) != 1 || rec.Passes[0] != want {
		t.Errorf("passes %+v, want %+v", rec.Passes, want)
	}
}

// balanced checks that the passes of a run are all of its ledger, and that each balances.
func balanced(t *testing.T, rec projector.Record) {
	t.Helper()
	var sum ledger.Pass
	for _, p := range rec.Passes {
		if p.Produced != p.Written+p.Superseded+p.Deleted+p.Rejected {
			t.Errorf("pass %s: %+v", p.Pass, p)
		}
		sum.Produced, sum.Written, sum.Superseded = sum.Produced+p.Produced, sum.Written+p.Written, sum.Superseded+p.Superseded
		sum.Deleted, sum.Rejected = sum.Deleted+p.Deleted, sum.Rejected+p.Rejected
	}
	l := rec.Ledger
	if want := (ledger.Pass{Produced: l.Produced, Written: l.Written, Superseded: l.Superseded, Deleted: l.Deleted, Rejected: l.Rejected}); sum != want {
		t.Errorf("the passes are %+v in all, the ledger has %+v: %+v", sum, want, rec.Passes)
	}
}

// leakySource loses rows of one partition.
type leakySource struct {
	sources.Source
	partition string
	counted   bool // in the batch's counts, as if they were there
}

func (l leakySource) Open(ctx context.Context) (sources.View, error) {
	view, err := l.Source.Open(ctx)
	return leakyView{view, l}, err
}

type leakyView struct {
	sources.View
	leaky leakySource
}

// Count is the truth, as another statement of the same server says it.
func (v leakyView) Count(ctx context.Context) (int64, error) {
	return v.View.(sources.Counter).Count(ctx)
}

func (v leakyView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.View.Read(ctx, p, from)
	if p.ID != v.leaky.partition {
		return r, err
	}
	return leakyReader{r, v.leaky}, err
}

type leakyReader struct {
	sources.Reader
	leaky leakySource
}

func (r leakyReader) Next(ctx context.Context, b *sources.Batch) error {
	if err := r.Reader.Next(ctx, b); err != nil {
		return err
	}
	b.Records = b.Records[1:]
	if !r.leaky.counted {
		b.Counts.Read, b.Counts.Used = b.Counts.Read-1, b.Counts.Used-1
	}
	return nil
}

// TestLostRowFailsTheRun: one that the reader counted is missed by the ledger of its
// partition, also if every other sum is right; one that nobody ever saw, since it is in no
// partition, by the source's own count.
func TestLostRowFailsTheRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		counted bool
		want    string
	}{
		"counted": {true, "the ledger of partition memory/0002 does not balance"},
		"unseen":  {false, "the source has 100 documents, but its 4 partitions gave 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 100)
			r := s.rebuild()
			r.Source = leakySource{s.source, "memory/0002", c.counted}
			rec, err := r.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || rec.Status != report.Failed {
				t.Errorf("%s: %v, want %q", rec.Status, err, c.want)
			}
			var unbalanced *ledger.Unbalanced
			if errors.As(err, &unbalanced) != c.counted {
				t.Errorf("%T", err)
			}
			s.serves(t, "")
		})
	}
}
