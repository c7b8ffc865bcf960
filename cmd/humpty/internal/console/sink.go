package console

import (
	"errors"
	"io"
	"sync"

	"humpty/internal/printable"
)

// Sink remembers that something could not be written, so that a full disk or a closed
// pipe does not end in success.
type Sink struct {
	to      io.Writer
	secrets *printable.Secrets

	mu     sync.Mutex // several runs may print at once
	failed error
}

// NewSink makes a Sink that writes to a stream.
func NewSink(to io.Writer) *Sink { return &Sink{to: to} }

// Write prints text for a person, fit to be shown.
func (s *Sink) Write(p []byte) (int, error) {
	if _, err := s.write([]byte(printable.Text(s.secrets.Hide(string(p))))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// json prints a line of JSON, its strings fit to be shown.
func (s *Sink) json(line []byte) {
	_, _ = s.write([]byte(printable.Text(string(s.secrets.HideJSON(line))))) // the sink remembers
}

func (s *Sink) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.to.Write(p)
	if err != nil && s.failed == nil {
		s.failed = err
	}
	return n, err
}

// Failed is the first reason why something was not written.
func (s *Sink) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// fail remembers what could not even be made.
func (s *Sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.Join(s.failed, err)
}
