package follow

import (
	"errors"
	"fmt"
	"time"

	"humpty/internal/problem"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sources"
)

// leftBehind is what a feed could not write to its generation: documents that are refused, and
// events that could not be read.
type leftBehind struct {
	generation sinks.Generation
	book       *ledger.Book
	kept       *checkpoint.Refusals
	view       sources.View
	told       string // what was published last; it is called from one goroutine
}

// load takes over what was refused before: by the rebuild, or by an earlier process.
func (l *leftBehind) load() error {
	known, complete, err := l.kept.Load()
	if err != nil {
		return err
	}
	if l.book.Refusals().Load(known); !complete {
		return l.kept.KeepAll(l.book.Refusals())
	}
	return nil
}

func (l *leftBehind) count() (refused, poison int64) {
	return l.book.Refusals().Len(), ledger.Poisoned(l.view)
}

// publish says what is left behind to those who cannot ask this process.
func (l *leftBehind) publish(aside string) error {
	now := checkpoint.Refused{
		Generation: l.generation.Name, Documents: l.book.Refusals().First(-1), Poison: ledger.Poisoned(l.view), Aside: aside,
	}
	text := fmt.Sprint(now)
	if text == l.told {
		return nil
	}
	l.told, now.At = text, time.Now().UTC()
	return l.kept.Publish(now)
}

// asideError says that a projection is set aside: more of it is refused than may be.
type asideError struct {
	error
	generation      string
	refused, poison int64
}

func (e *asideError) Unwrap() error { return e.error }

// setAside is why a projection has to be set aside; empty if that is not what is wrong.
func setAside(err error) string {
	var rejections *ledger.TooManyRejections
	var poison *ledger.TooMuchPoison
	if errors.As(err, &rejections) || errors.As(err, &poison) {
		return problem.FirstLine(err)
	}
	return ""
}
