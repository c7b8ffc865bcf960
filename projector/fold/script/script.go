package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"humpty/projector/fold"
)

// pool is a module with the processes that run it and have nothing to do at present.
type pool struct {
	load load

	mu   sync.Mutex
	idle []*process
}

// New loads a module; name is its file's, for messages. What is returned makes folds of it,
// for fold.Source.New. Errors of syntax, and a module without handlers, are told here.
//
// The module runs in a process of its own, of the same program, whose main calls Main first.
// It ends with the program.
func New(name, source string, limits Limits) (func() (fold.Fold, error), error) {
	p := &pool{load: load{name, source, limits.withDefaults()}}
	first, err := p.acquire(context.Background()) //nolint:forbidigo // a configuration is read before there is anything to stop; startProcess bounds it
	if err != nil {
		return nil, err
	}
	p.release(first)
	return func() (fold.Fold, error) { return &script{pool: p}, nil }, nil
}

// acquire takes a process that is idle, or starts one.
func (p *pool) acquire(ctx context.Context) (*process, error) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		taken := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return taken, nil
	}
	p.mu.Unlock()
	return startProcess(ctx, &p.load)
}

func (p *pool) release(idle *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, idle)
}

// script makes documents with a process of its pool.
type script struct {
	pool    *pool
	process *process // nil: none yet, or it ended

	request frame
	answers frame // what became of the documents that are prepared
	keys    [][]byte
	begun   int // documents that were asked for
}

var _ fold.Bulk = (*script)(nil)

// killedTimes is how often a process may be ended from outside at the same documents.
const killedTimes = 3

// Prepare makes the documents. Where the process ends over them they are made again one by
// one, to find out which event it is.
func (s *script) Prepare(ctx context.Context, documents []fold.Document) error {
	s.keys, s.begun = s.keys[:0], 0
	for i := range documents {
		s.keys = append(s.keys, documents[i].Key)
	}
	s.request.begin(frameDocuments)
	s.request.number(int64(len(documents)))
	for i := range documents {
		s.request.document(&documents[i], nil)
	}
	err := s.exchange(ctx, &s.answers)
	if ended := (*ended)(nil); !errors.As(err, &ended) {
		return err
	}
	s.answers.begin(frameMade)
	for i := range documents {
		if err := s.single(ctx, &documents[i]); err != nil {
			return fmt.Errorf("document %s: %w", documents[i].Key, err)
		}
	}
	s.answers.at = frameHead
	return nil
}

// exchange sends the request and receives the answer.
func (s *script) exchange(ctx context.Context, answer *frame) (err error) {
	_, err = s.converse(ctx, answer)
	return err
}

// converse sends the request and receives the answer, and what the process began with last if
// it ends over it.
func (s *script) converse(ctx context.Context, answer *frame) (begun int, err error) {
	if s.process == nil {
		if s.process, err = s.pool.acquire(ctx); err != nil {
			return -1, err
		}
	}
	begun, err = s.process.converse(ctx, &s.request, answer)
	if err != nil {
		s.process = nil
	}
	return begun, err
}

// single makes one document, event by event. Events over which the process ends are poison.
func (s *script) single(ctx context.Context, d *fold.Document) error {
	reasons := make([]string, len(d.Events))
	killed, poison, kind := 0, 0, byte(frameWatched)
	for {
		s.request.begin(kind)
		s.request.number(1)
		s.request.document(d, reasons)
		var answer frame
		begun, err := s.converse(ctx, &answer)
		var end *ended
		switch {
		case err == nil:
			return s.merge(&answer, reasons)
		case !errors.As(err, &end):
			return err
		case !end.blamed:
			if killed++; killed == killedTimes {
				return fmt.Errorf("the process of the script %s was ended %d times from outside, last by %s: see whether the machine has enough memory, and run it again", s.pool.load.Name, killed, end.reason)
			}
			continue
		}
		left := remaining(reasons)
		if begun == len(left) && kind == frameWatched {
			kind = frameTraced // the state cannot be written: since which event?
			continue
		}
		if poison++; begun < 0 || begun >= len(left) || poison > maxPoison {
			s.reject(reasons, s.pool.load.Name+": the state cannot be written: stopped: "+end.reason)
			return nil
		}
		reasons[left[begun]] = "stopped: " + end.reason
	}
}

// remaining are the events that are not left out.
func remaining(reasons []string) (at []int) {
	for i, reason := range reasons {
		if reason == "" {
			at = append(at, i)
		}
	}
	return at
}

// merge adds the answer for a document of which some events were left out here.
func (s *script) merge(answer *frame, reasons []string) error {
	for _, reason := range reasons {
		if reason == "" {
			if answer.nextByte() == eventApplied {
				s.answers.byte(eventApplied)
				continue
			}
			reason = string(answer.nextBytes())
		}
		s.answers.byte(eventPoison)
		s.answers.string(reason)
	}
	s.answers.data = append(s.answers.data, answer.data[answer.at:]...)
	return answer.err()
}

// reject answers for a document that cannot be made.
func (s *script) reject(reasons []string, why string) {
	for _, reason := range reasons {
		if reason == "" {
			s.answers.byte(eventApplied)
			continue
		}
		s.answers.byte(eventPoison)
		s.answers.string(reason)
	}
	s.answers.byte(documentLost)
	s.answers.string(why)
}

// document adds one, but for the events that are left out.
func (f *frame) document(d *fold.Document, left []string) {
	f.bytes(d.Key)
	n := len(d.Events)
	for _, reason := range left {
		if reason != "" {
			n--
		}
	}
	f.number(int64(n))
	for i := range d.Events {
		if left == nil || left[i] == "" {
			f.event(&d.Events[i])
		}
	}
}

// Begin is for the next document of those that are prepared.
func (s *script) Begin(key, document []byte) error {
	switch {
	case document != nil:
		return errors.New("a script makes a document of all its events: there is none before them")
	case s.begun >= len(s.keys) || !slices.Equal(s.keys[s.begun], key):
		return errors.New("the document was not prepared")
	}
	s.begun++
	return nil
}

// Apply says what became of the event.
func (s *script) Apply(*fold.Event) error {
	if s.answers.nextByte() == eventPoison {
		return &fold.Poison{Reason: string(s.answers.nextBytes())}
	}
	return s.answers.err()
}

// Append gives the document that was made.
func (s *script) Append(dst []byte) (_ []byte, alive bool, err error) {
	outcome, text := s.answers.nextByte(), []byte(nil)
	if outcome != documentNone {
		text = s.answers.nextBytes()
	}
	switch {
	case s.answers.err() != nil:
		return dst, false, s.answers.err()
	case outcome == documentLost:
		return dst, false, &fold.Poison{Reason: string(text)}
	}
	return append(dst, text...), outcome == documentMade, nil
}

// Close gives the process back to those that are idle.
func (s *script) Close() error {
	if s.process != nil {
		s.pool.release(s.process)
		s.process = nil
	}
	return nil
}
