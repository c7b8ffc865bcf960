package dlq

import (
	"fmt"
	"slices"

	"humpty/internal/deadletter"
)

// Count is how many dead letters of one run have one type.
type Count struct {
	Projection string `json:"projection"`
	Run        string `json:"run"`
	Kind       string `json:"kind"` // document | event
	Type       string `json:"type"`
	Letters    int64  `json:"letters"`
	Where      string `json:"where"`  // index or topic of the first
	Reason     string `json:"reason"` // of the first
}

// Counts counts the letters of projections by run and type.
func (f Folder) Counts(projections []string) ([]Count, error) {
	counts := []Count{}
	for _, p := range projections {
		first := len(counts)
		err := f.Each(p, Selection{}, func(run string, l deadletter.Letter) error {
			counts = add(counts, first, Count{Projection: p, Run: run, Type: l.Type, Reason: l.Reason}, l)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// add counts a letter with those of its run and type, one of those from `first` on.
func add(counts []Count, first int, c Count, l deadletter.Letter) []Count {
	c.Kind, c.Letters = "event", 1
	if l.Document != nil {
		c.Kind, c.Where = "document", l.Index
	} else if l.Event != nil {
		c.Where = fmt.Sprintf("%s/%d at %d", l.Topic, l.Partition, l.Offset)
	}
	at := slices.IndexFunc(counts[first:], func(o Count) bool { return o.Run == c.Run && o.Kind == c.Kind && o.Type == c.Type })
	if at < 0 {
		return append(counts, c)
	}
	counts[first+at].Letters++
	return counts
}
