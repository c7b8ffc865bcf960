package generation

import (
	"time"

	"humpty/sinks"
)

// NewName is the alias and the time, and not the name of a generation that exists.
func NewName(s sinks.Survey, at time.Time) string {
	for ; ; at = at.Add(time.Second) {
		name := s.Alias + "-" + at.UTC().Format("20060102t150405")
		if _, taken := s.Find(name); !taken {
			return name
		}
	}
}
