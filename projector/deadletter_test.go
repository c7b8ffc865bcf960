package projector_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/ledger"
	"humpty/projector/repair"
	"humpty/sinks"
)

// refused is a rebuild of which the target refuses some documents and the source makes none
// of another, up to the limit.
func refused(t *testing.T, s *stage, path string, bad ...int) projector.Record {
	t.Helper()
	for _, i := range bad {
		s.source.Records[i].Value = []byte("hallo")
	}
	s.source.Records[0].Reject, s.source.Records[0].Value = "not finite", nil
	r := s.rebuild()
	r.Projection.Limits.Rejections = int64(len(bad)) + 1
	r.Letters = deadletter.AppendTo(path)
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestRejectionsBecomeLetters(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	path := filepath.Join(t.TempDir(), "orders"+deadletter.Suffix)
	rec := refused(t, s, path, 7, 8)
	if rec.DeadLetters != path || rec.Ledger.Rejected != 3 {
		t.Fatalf("record: %+v", rec)
	}
	got := map[string]deadletter.Letter{}
	if err := deadletter.Read(path, func(l deadletter.Letter) error { got[l.ID] = l; return nil }); err != nil {
		t.Fatal(err)
	}
	if l := got["7"]; len(got) != 3 || l.Index != rec.Generation || string(l.Body) != "hallo" || l.Version == 0 || l.Type != "document_parsing_exception" || l.Reason != "not JSON" {
		t.Errorf("letters: %+v", got)
	}
	if l := got["0"]; l.Type != "source" || l.Reason != "not finite" || l.Body != nil {
		t.Errorf("of the source: %+v", l)
	}
}

func TestNoLettersNoFile(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	r := s.rebuild()
	r.Letters = deadletter.AppendTo(filepath.Join(t.TempDir(), "orders"+deadletter.Suffix))
	rec, err := r.Run(t.Context())
	if err != nil || rec.DeadLetters != "" {
		t.Errorf("%q, %v", rec.DeadLetters, err)
	}
}

// TestLettersThatCannotBeWrittenFailTheRun: they are all that is left of a document.
func TestLettersThatCannotBeWrittenFailTheRun(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	s.source.Records[7].Value = []byte("hallo")
	r := s.rebuild()
	r.Projection.Limits.Rejections = 1
	r.Letters = deadletter.NewWriter(fullDisk{}, 0)
	if _, err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "write a dead letter: no space") {
		t.Errorf("%v", err)
	}
	s.serves(t, "")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space") }

func (s *stage) retry(ids ...string) *repair.Retry {
	r := &repair.Retry{Verify: s.examine()}
	for _, id := range ids {
		r.Keys = append(r.Keys, sinks.Key{ID: []byte(id)})
	}
	return r
}

func TestRetryWritesWhatTheSourceHasNow(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	rec := refused(t, s, filepath.Join(t.TempDir(), "x"), 7, 8, 9)
	f, err := s.retry("7").Run(t.Context())
	var many *ledger.TooManyRejections
	if !errors.As(err, &many) || f.Repair == nil || f.Repair.Rejected != 1 {
		t.Fatalf("refused again: %v, %+v", err, f.Repair)
	}
	s.source.Records[7] = record(7, "mended")
	s.source.Records[8] = record(8, "mended, but not asked for")
	s.put(t, rec.Generation, "9", `{"id":9,"note":"by the application"}`)
	s.source.Records[9] = record(9, "by the application")
	s.source.Records[0] = record(0, "mended")
	f, err = s.retry("7", "9", "0").Run(t.Context())
	if err != nil || f.Repair.Written != 2 || f.Repair.Settled != 1 {
		t.Fatalf("%v, %+v", err, f.Repair)
	}
	s.put(t, rec.Generation, "8", string(s.source.Records[8].Value)) // the last one, to compare all
	s.serves(t, rec.Generation)
}

func TestRetryRefusesAGenerationThatDoesNotServe(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	r := s.rebuild()
	r.NoSwap = true
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := s.retry("7")
	again.Generation = rec.Generation
	_, err = again.Run(t.Context())
	var refusal *problem.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Remedy, "humpty repair orders --generation "+rec.Generation) {
		t.Errorf("%v", err)
	}
}
