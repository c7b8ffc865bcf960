package fold

import (
	"io"

	"humpty/internal/deadletter"
)

// Letters is where poison goes, in the format of all dead letters.
type Letters = deadletter.Writer

// NewLetters writes to w; limit 0 means 10,000 letters.
func NewLetters(w io.Writer, limit int64) *Letters { return deadletter.NewWriter(w, limit) }
