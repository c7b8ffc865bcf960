package assemble

import (
	"time"

	"humpty/projector/fold"
	"humpty/projector/join"
	"humpty/sources"
	"humpty/sources/kafka"
)

// WaitOut has readers of topics wait for brokers that are away, for runs that cannot do
// the same work again when they are back. waiting is told why; it may be nil. It is called
// before the source is planned.
func WaitOut(source sources.Source, most time.Duration, waiting func(string)) {
	switch s := source.(type) {
	case *kafka.Source:
		s.RetryOutages(most, waiting)
	case *fold.Source:
		WaitOut(s.Inner, most, waiting)
	case *join.Source:
		WaitOut(s.Root, most, waiting)
		for _, in := range s.Includes {
			WaitOut(in.From, most, waiting)
		}
	}
}
