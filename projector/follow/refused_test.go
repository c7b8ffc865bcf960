package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"humpty/internal/deadletter"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// refuseBad makes the target refuse documents whose value begins with bad.
func (s *stage) refuseBad() {
	s.target.Refuses = func(d sinks.Document) bool { return bytes.Contains(d.Body, []byte(`"value":"bad`)) }
}

func (s *stage) set(id, value string) {
	s.live.Commit(sourcetest.Change{ID: id, Row: &sourcetest.Row{Group: "g", Value: value}})
}

// kept is what the state of the run has of refused documents.
func (s *stage) kept(run string) (ids []string) {
	s.t.Helper()
	store, err := s.open(run)
	if err != nil {
		s.t.Fatal(err)
	}
	all, _, err := checkpoint.NewRefusals(store, nil).Load()
	if err := errors.Join(err, store.Close()); err != nil {
		s.t.Fatal(err)
	}
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	return ids
}

// lettersOf are the documents of letters, in their order.
func lettersOf(t *testing.T, text string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		if !ok {
			t.Errorf("the letter %s", line)
		}
		ids = append(ids, id)
	}
	return ids
}

// followWith follows beside work, until so many documents are refused and nothing is due; letters
// are what is written of them.
func (s *stage) followWith(letters io.Writer) func(work func(), refused int64) {
	return func(work func(), refused int64) {
		s.t.Helper()
		f := s.follow()
		f.Projection.Limits.Rejections = 5
		f.Letters = deadletter.NewWriter(letters, 0)
		err := s.until(f, func() error { work(); return nil }, func(e report.Event) bool {
			return e.Lag != nil && e.Lag.Backlog == 0 && e.Lag.Refused == refused
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// A document that is refused holds up no other one; it is kept, has one letter however often
// it is tried and started again, and is refused no more when its row is right or gone.
func TestRefusedDocumentsAreKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.refuseBad()
	s.write(1, 60)
	s.rebuild("r1", projector.WriterFollow)
	var letters bytes.Buffer
	follow := s.followWith(&letters)
	follow(func() {
		s.set("1", "bad")
		s.set("new", "bad")
		s.set("2", "good")
		s.set("1", "bad again")
	}, 2)
	follow(func() { s.set("1", "bad once more"); s.set("3", "good") }, 2)
	if ids := s.kept("r1"); fmt.Sprint(ids) != "[1 new]" {
		t.Errorf("kept are %v", ids)
	}
	if ids := lettersOf(t, letters.String()); fmt.Sprint(ids) != "[1 new]" && fmt.Sprint(ids) != "[new 1]" {
		t.Errorf("letters of %v", ids)
	}
	follow(func() { s.set("1", "right"); s.live.Commit(sourcetest.Change{ID: "new"}) }, 0)
	if ids := s.kept("r1"); len(ids) != 0 || !s.equal("") {
		t.Errorf("kept are %v", ids)
	}
	follow(func() { s.set("1", "bad") }, 1)
	if ids := lettersOf(t, letters.String()); len(ids) != 3 || ids[2] != "1" {
		t.Errorf("letters of %v", ids)
	}
}

// More refused documents than the limit set the projection aside until they are fewer; a Run
// that ends meanwhile says so.
func TestSetAside(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.refuseBad()
	s.write(1, 60)
	s.rebuild("r1", projector.WriterFollow)
	f := s.follow()
	f.Projection.Limits.Rejections = 1
	var notices []string
	f.Observe = func(e report.Event) {
		if e.Kind == report.Notice {
			notices = append(notices, e.Text)
		}
	}
	err := s.until(f, func() error { s.set("1", "bad"); s.set("2", "bad"); return nil },
		func(e report.Event) bool { return e.Lag != nil && e.Lag.Aside != "" && e.Lag.Refused == 2 })
	var rejections *ledger.TooManyRejections
	if !errors.As(err, &rejections) || rejections.Rejected != 2 {
		t.Fatalf("it ended with %v", err)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "orders is set aside") {
		t.Errorf("told was %q", notices)
	}
	f = s.follow()
	f.Projection.Limits.Rejections = 1
	was := false
	err = s.until(f, func() error { return nil }, func(e report.Event) bool {
		if e.Lag != nil && e.Lag.Aside != "" && !was {
			was = true
			s.set("2", "right")
			s.set("3", "right, too")
		}
		return was && e.Lag != nil && e.Lag.Aside == "" && e.Lag.Backlog == 0 && e.Lag.Refused == 1
	})
	if err != nil {
		t.Errorf("it was not taken up again: %v", err)
	}
}

// interrupted is a source at which a signal comes while a feed closes its stream.
type interrupted struct {
	*sourcetest.LiveSource
	signal func()
}

func (i interrupted) Capture(ctx context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	stream, err := i.LiveSource.Capture(ctx, name, from)
	return interruptedStream{stream, i.signal}, err
}

type interruptedStream struct {
	sources.ChangeStream
	signal func()
}

func (i interruptedStream) Close(ctx context.Context) error {
	i.signal()
	return i.ChangeStream.Close(ctx)
}

// A signal between the moment when a projection is set aside in the state, and the one when the
// process knows of it: the end says so all the same.
func TestSetAsideAtTheEnd(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := newStage(t)
		s.refuseBad()
		s.write(1, 10)
		s.rebuild("r1", projector.WriterFollow)
		s.set("1", "bad")
		f := s.follow()
		ctx, signal := context.WithCancel(t.Context())
		f.Source = interrupted{s.live, signal}
		var rejections *ledger.TooManyRejections
		if err := f.Run(ctx); !errors.As(err, &rejections) {
			t.Fatalf("it ended with %v", err)
		}
	}
}

// What a rebuild completed with in spite of it is what the follower begins with.
func TestRefusedByTheRebuild(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.refuseBad()
	s.set("1", "bad")
	s.set("2", "good")
	store, err := s.open("r1")
	if err != nil {
		t.Fatal(err)
	}
	r := s.of("r1", &projector.Live{Checkpoint: store, Writer: projector.WriterFollow})
	r.Projection.Limits.Rejections = 3
	record, err := r.Run(t.Context())
	if err := errors.Join(err, store.Close()); err != nil || record.Refused != 1 {
		t.Fatalf("%d refused, %v", record.Refused, err)
	}
	if ids := s.kept("r1"); fmt.Sprint(ids) != "[1]" {
		t.Errorf("kept are %v", ids)
	}
	f := s.follow()
	f.Projection.Limits.Rejections = 3
	var letters bytes.Buffer
	f.Letters = deadletter.NewWriter(&letters, 0)
	err = s.until(f, func() error { return nil }, func(e report.Event) bool { return e.Lag != nil && e.Lag.Backlog == 0 && e.Lag.Refused == 1 })
	if err != nil || letters.Len() > 0 {
		t.Errorf("%v; letters %s", err, letters.String())
	}
}
