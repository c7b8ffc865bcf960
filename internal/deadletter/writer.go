package deadletter

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// The bounds of a file, where a caller asks for none of its own.
const (
	DefaultLimit = 10_000
	maxBytes     = 256 << 20
)

// Writer writes letters up to a limit; what is beyond is counted only. It is safe for
// concurrent use. The nil Writer drops everything.
type Writer struct {
	limit    int64
	openFile func() (io.Writer, error) // called for the first letter
	path     string

	mu      sync.Mutex
	out     io.Writer
	bytes   int64
	written int64
	dropped int64
	err     error
}

// NewWriter writes to w, at most limit letters; 0 means Most.
func NewWriter(w io.Writer, limit int64) *Writer {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Writer{limit: limit, out: w}
}

// AppendTo writes to the end of a file, which is made, with its folder, for the first letter.
func AppendTo(path string) *Writer {
	return &Writer{limit: DefaultLimit, path: path, openFile: func() (io.Writer, error) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}}
}

// Limit is how many letters are written at most.
func (w *Writer) Limit() int64 { return w.limit }

// Path is the file; empty if there is none.
func (w *Writer) Path() string {
	if w == nil {
		return ""
	}
	return w.path
}

// Put writes one letter. An error stays: every later call and Close return it too.
func (w *Writer) Put(letter Letter) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	line, err := json.Marshal(letter)
	if err == nil && (w.written == w.limit || w.bytes+int64(len(line)) > maxBytes) {
		w.dropped++
		return nil
	}
	if err == nil && w.out == nil {
		w.out, err = w.openFile()
	}
	if err == nil { // in one piece, and not later: what a crash leaves is whole lines
		_, err = w.out.Write(append(line, '\n'))
	}
	if err != nil {
		w.err = fmt.Errorf("write a dead letter: %w", err)
		return w.err
	}
	w.written++
	w.bytes += int64(len(line)) + 1
	return nil
}

// Err is what went wrong so far.
func (w *Writer) Err() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close says how many letters there are, and how many were left out.
func (w *Writer) Close() (written, dropped int64, err error) {
	if w == nil {
		return 0, 0, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.out.(io.Closer); ok && w.openFile != nil {
		if err := c.Close(); err != nil && w.err == nil {
			w.err = fmt.Errorf("write a dead letter: %w", err)
		}
		w.out = nil
	}
	return w.written, w.dropped, w.err
}
