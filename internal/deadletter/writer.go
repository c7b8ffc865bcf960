package deadletter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"humpty/internal/ownfile"
)

// The bounds of a file, where a caller asks for none of its own.
const (
	DefaultLimit = 10_000
	maxBytes     = 256 << 20
)

// Writer writes letters up to a limit; what is beyond is counted only. It is safe for
// concurrent use. The nil Writer drops everything.
type Writer struct {
	limit int64
	path  string // of the file; empty if out is another's

	mu      sync.Mutex
	out     io.Writer
	file    *os.File // at path, when it was opened; nil before the first letter
	letters int64    // in out
	bytes   int64    // in out
	written int64
	dropped int64
	err     error
}

// NewWriter writes to w, at most limit letters; 0 means DefaultLimit.
func NewWriter(w io.Writer, limit int64) *Writer {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Writer{limit: limit, out: w}
}

// AppendTo writes to the end of a file, which is made, with its folder, for the first letter.
// Another process may discard letters of it meanwhile.
func AppendTo(path string) *Writer { return &Writer{limit: DefaultLimit, path: path} }

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
	if err := w.put(letter); err != nil {
		w.err = fmt.Errorf("write a dead letter: %w", err)
	}
	return w.err
}

func (w *Writer) put(letter Letter) (err error) {
	line, err := json.Marshal(letter)
	if err != nil {
		return err
	}
	if w.path != "" {
		unlock, err := w.hold()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	if w.letters == w.limit || w.bytes+int64(len(line)) > maxBytes {
		w.dropped++
		return nil
	}
	if _, err = w.out.Write(append(line, '\n')); err != nil { // in one piece, and not later: what a crash leaves is whole lines
		return err
	}
	w.written++
	w.letters++
	w.bytes += int64(len(line)) + 1
	return nil
}

// hold locks the folder and has the file open that is at the path now: who discards letters
// replaces or removes it.
func (w *Writer) hold() (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(w.path), 0o700); err != nil {
		return nil, err
	}
	unlock, err = lock(filepath.Dir(w.path))
	if err == nil {
		if err = w.reopen(); err == nil {
			return unlock, nil
		}
		err = errors.Join(err, unlock())
	}
	return nil, err
}

func (w *Writer) reopen() error {
	if w.file != nil {
		there, err := os.Stat(w.path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		open, opened := w.file.Stat()
		if opened != nil {
			return opened
		}
		if err == nil && os.SameFile(there, open) {
			return nil
		}
		if err := w.file.Close(); err != nil {
			return err
		}
		w.file, w.out = nil, nil
	}
	f, err := ownfile.Open(w.path, os.O_CREATE|os.O_RDWR|os.O_APPEND)
	if err != nil {
		return err
	}
	w.file, w.out, w.letters, w.bytes = f, f, 0, 0
	in := bufio.NewReader(f)
	for {
		part, err := in.ReadSlice('\n')
		w.bytes += int64(len(part))
		switch {
		case err == nil:
			w.letters++
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
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
	if w.file != nil {
		if err := w.file.Close(); err != nil && w.err == nil {
			w.err = fmt.Errorf("write a dead letter: %w", err)
		}
		w.file, w.out = nil, nil
	}
	return w.written, w.dropped, w.err
}
