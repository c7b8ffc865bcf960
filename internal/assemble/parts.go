package assemble

import (
	"context"
	"slices"
	"time"

	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector/fold"
	"humpty/projector/join"
	"humpty/sources"
	"humpty/sources/kafka"
	"humpty/sources/postgres"
)

// UseState has a source keep what it needs while it is captured in the state folder, and ends
// the process when that cannot be written any more. It is called before the source is
// captured or released.
func UseState(source sources.Source, state State, projection string) {
	switch s := source.(type) {
	case *fold.Source:
		if inner, ok := s.Inner.(*fold.Source); ok {
			UseState(inner, state, projection)
			return
		}
		s.Store = &fold.StoreOptions{Dir: state.partDir(projection, "events"), Fatal: state.Fatal}
	case *join.Source:
		s.Store = &fold.StoreOptions{Dir: state.partDir(projection, "links"), Fatal: state.Fatal}
		UseState(s.Root, state, projection)
		for _, in := range s.Includes {
			UseState(in.From, state, projection)
		}
	}
}

// Databases are the parts of a source that are tables.
func Databases(source sources.Source) []*postgres.Source {
	switch s := source.(type) {
	case *postgres.Source:
		return []*postgres.Source{s}
	case *join.Source:
		all := Databases(s.Root)
		for _, in := range s.Includes {
			all = append(all, Databases(in.From)...)
		}
		return all
	}
	return nil
}

// Preflight is what all tables of a source would meet in a live run; each of them has a slot of
// its own.
func Preflight(ctx context.Context, source sources.Source, unindexed bool) (all problem.List, err error) {
	for _, database := range Databases(source) {
		found, err := database.Preflight(ctx, unindexed)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// UseLetters has events that a source cannot read or apply become letters. It is called
// before the source is opened.
func UseLetters(source sources.Source, to *deadletter.Writer) {
	switch s := source.(type) {
	case *fold.Source:
		s.Letters = to
		UseLetters(s.Inner, to)
	case *join.Source:
		UseLetters(s.Root, to)
		for _, in := range s.Includes {
			UseLetters(in.From, to)
		}
	}
}

// WaitForBrokers has readers of topics wait for brokers that are away, for runs that cannot do
// the same work again when they are back. waiting gets why; it may be nil. It is called
// before the source is planned.
func WaitForBrokers(source sources.Source, most time.Duration, waiting func(string)) {
	switch s := source.(type) {
	case *kafka.Source:
		s.RetryOutages(most, waiting)
	case *fold.Source:
		WaitForBrokers(s.Inner, most, waiting)
	case *join.Source:
		WaitForBrokers(s.Root, most, waiting)
		for _, in := range s.Includes {
			WaitForBrokers(in.From, most, waiting)
		}
	}
}
