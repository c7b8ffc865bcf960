package console

import (
	"errors"
	"io"
	"sync"
)

// Sink remembers that something could not be written, so that a full disk or a closed
// pipe does not end in success.
type Sink struct {
	to io.Writer

	mu     sync.Mutex // several runs may print at once
	failed error
}

// NewSink makes a Sink that writes to a stream.
func NewSink(to io.Writer) *Sink { return &Sink{to: to} }

// Write writes to the stream.
func (s *Sink) Write(p []byte) (int, error) {
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
