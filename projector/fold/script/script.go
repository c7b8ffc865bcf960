package script

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/dop251/goja"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// script folds with one runtime.
type script struct {
	limits   Limits
	name     string
	watchdog *watchdog
	exports

	values
	types   objectTypes
	meta    meta
	metaObj *goja.Object // over meta
	time    int64        // what Date says
	rng     *rand.Rand

	state goja.Value // nil: none
	args  [3]goja.Value
}

// exports is what the module gives: a function for each type of event, and the special ones.
type exports struct {
	handlers map[string]goja.Callable
	init     goja.Callable
	any      goja.Callable
	deleted  goja.Callable
}

var _ fold.Fold = (*script)(nil)

// random is the same sequence for each document.
func (s *script) random() float64 {
	if s.rng == nil {
		s.rng = rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time is what is wanted
	}
	return s.rng.Float64()
}

// prepare makes what the module's values need.
func (s *script) prepare() error {
	v, err := s.vm.RunString(`({valueOf() { return Number(this.raw) }, toString() { return this.raw }, toJSON() { return Number(this.raw) }})`)
	if err != nil {
		return err
	}
	s.numbers = v.ToObject(s.vm)
	s.types = newObjectTypes()
	s.meta.script = s
	s.metaObj = s.vm.NewDynamicObject(&s.meta)
	return nil
}

func (s *script) Begin(_, document []byte) error {
	s.epoch++
	s.rng, s.state, s.time, s.meta.event = nil, nil, 0, nil
	s.watchdog.startTimer()
	if document != nil {
		if err := rawjson.Check(document); err != nil {
			return fmt.Errorf("the stored document is %w", err)
		}
		s.state = s.fromDocument(document)
	}
	return nil
}

func (s *script) Apply(e *fold.Event) error {
	s.time, s.meta.event = e.Time, e
	handler := s.handlers[e.Type]
	switch {
	case e.Deleted && s.deleted == nil:
		s.state = nil
		return nil
	case e.Deleted:
		handler = s.deleted
	case handler == nil:
		handler = s.any
	}
	if handler == nil {
		return &fold.Poison{Reason: fmt.Sprintf("%s has no handler for events of type %q, and no $any", s.name, e.Type)}
	}
	if s.state == nil {
		if err := s.initState(); err != nil {
			return err
		}
	}
	s.args = [3]goja.Value{s.state, s.value(e.Value), s.metaObj}
	if e.Deleted {
		s.args[1] = goja.Null()
	}
	result, err := s.call(handler, s.args[:]...)
	if err != nil {
		return err
	}
	switch {
	case goja.IsUndefined(result):
		if e.Deleted {
			s.state = nil
		}
	case goja.IsNull(result):
		s.state = nil
	default:
		if _, ok := result.(*goja.Object); !ok {
			return &fold.Poison{Reason: fmt.Sprintf("%s: the handler of %q returned %s; a state is an object, and null deletes", s.name, e.Type, result), Dirty: true}
		}
		s.state = result
	}
	return nil
}

// initState makes the first state.
func (s *script) initState() error {
	if s.init == nil {
		s.state = s.vm.NewObject()
		return nil
	}
	state, err := s.call(s.init)
	if err != nil {
		return err
	}
	if _, ok := state.(*goja.Object); !ok {
		return &fold.Poison{Reason: fmt.Sprintf("%s: $init returned %s, not an object", s.name, state), Dirty: true}
	}
	s.state = state
	return nil
}

func (s *script) call(f goja.Callable, args ...goja.Value) (goja.Value, error) {
	s.watchdog.beginCall()
	v, err := f(goja.Undefined(), args...)
	s.watchdog.endCall()
	if err != nil {
		return nil, &fold.Poison{Reason: oneLine(err).Error(), Dirty: true}
	}
	return v, nil
}

// oneLine makes one line of an exception, with file and line of where it was thrown.
func oneLine(err error) error {
	var deep *goja.StackOverflowError
	if errors.As(err, &deep) {
		return errors.New("stopped: calls nest too deep")
	}
	var thrown *goja.Exception
	if errors.As(err, &thrown) {
		lines := strings.FieldsFunc(thrown.String(), func(r rune) bool { return r == '\n' })
		return errors.New(strings.Join(strings.Fields(strings.Join(lines[:min(len(lines), 2)], " ")), " "))
	}
	var stopped *goja.InterruptedError
	if errors.As(err, &stopped) {
		return fmt.Errorf("stopped: %v", stopped.Value())
	}
	return err
}

func (s *script) Append(dst []byte) ([]byte, bool, error) {
	defer s.watchdog.stopTimer()
	if s.state == nil {
		return dst, false, nil
	}
	out, err := s.write(dst)
	if err != nil {
		return dst, false, err
	}
	if rawjson.Kind(out[len(dst):]) != '{' {
		return dst, false, &fold.Poison{Reason: s.name + ": the state is not an object"}
	}
	return out, true, nil
}
