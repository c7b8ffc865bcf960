package fold

import (
	"io"

	"humpty/internal/letters"
)

// Letters is where poison goes, in the format of all dead letters.
type Letters = letters.Writer

// NewLetters writes to w; limit 0 means 10,000 letters.
func NewLetters(w io.Writer, limit int64) *Letters { return letters.NewWriter(w, limit) }
