package fold

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// Letter is an event that could not be read or applied.
type Letter struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Time      int64  `json:"time"` // milliseconds since 1970
	Type      string `json:"type,omitempty"`
	Key       Raw    `json:"key"`
	Value     Raw    `json:"value"`
	Reason    string `json:"reason"`
}

// Raw is bytes that are written as text where they are text: {"text": …}, and otherwise
// as {"base64": …}; nil as null.
type Raw []byte

// MarshalJSON writes the text, or the bytes.
func (r Raw) MarshalJSON() ([]byte, error) {
	switch {
	case r == nil:
		return []byte("null"), nil
	case utf8.Valid(r):
		return json.Marshal(map[string]string{"text": string(r)})
	}
	return json.Marshal(map[string][]byte{"base64": r})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Raw) UnmarshalJSON(p []byte) error {
	var s *struct {
		Text  *string `json:"text"`
		Bytes []byte  `json:"base64"`
	}
	if err := json.Unmarshal(p, &s); err != nil {
		return err
	}
	switch {
	case s == nil:
		*r = nil
	case s.Text != nil:
		*r = Raw(*s.Text)
	default:
		*r = s.Bytes
	}
	return nil
}

// lettersKept is how many letters a file has by default.
const lettersKept = 10_000

// Letters writes poison as JSON lines, up to a limit; what is beyond is counted only. It is
// safe for concurrent use.
type Letters struct {
	limit int64

	mu      sync.Mutex
	out     *bufio.Writer
	written int64
	dropped int64
	err     error
}

// NewLetters writes to w; limit 0 means 10,000 letters.
func NewLetters(w io.Writer, limit int64) *Letters {
	if limit <= 0 {
		limit = lettersKept
	}
	return &Letters{limit: limit, out: bufio.NewWriter(w)}
}

// Close writes what is still to be written, and says how many letters there are, and how
// many were left out.
func (l *Letters) Close() (written, dropped int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written, l.dropped, errors.Join(l.err, l.out.Flush())
}

func (l *Letters) put(letter Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == l.limit {
		l.dropped++
		return l.err
	}
	line, err := json.Marshal(letter)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	if err != nil {
		l.err = fmt.Errorf("write a dead letter: %w", err)
		return l.err
	}
	l.written++
	return nil
}
