package dlq

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"humpty/internal/deadletter"
)

// Letters are dead letters as they were read, by what is in them.
type Letters map[[sha256.Size]byte]bool

// Add adds one.
func (s Letters) Add(l deadletter.Letter) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode a dead letter: %w", err)
	}
	s[sha256.Sum256(text)] = true
	return nil
}

func (s Letters) has(l deadletter.Letter) bool {
	text, err := json.Marshal(l)
	return err == nil && s[sha256.Sum256(text)]
}
