package script

import (
	"fmt"
	"regexp"
	"time"

	"github.com/dop251/goja"

	"humpty/projector/fold"
)

// Limits of a module. Zero values mean the defaults.
type Limits struct {
	Call  time.Duration // of one handler, which is stopped a little after it; 1 s by default
	State int           // bytes of a document's JSON; 16 MB by default
	Heap  int           // bytes by which the heap of the process may grow while one handler runs, as the collector finds it; 512 MB by default
	Stack int           // depth of calls; 1000 by default
}

func (l Limits) withDefaults() Limits {
	if l.Call <= 0 {
		l.Call = time.Second
	}
	if l.State <= 0 {
		l.State = 16 << 20
	}
	if l.Heap <= 0 {
		l.Heap = 512 << 20
	}
	if l.Stack <= 0 {
		l.Stack = 1000
	}
	return l
}

// exportDefault is the way of ES modules; it has the length of what replaces it, so that
// places in messages stay right.
var exportDefault = regexp.MustCompile(`(?m)^export default\b`)

// bareObject is a file that is only an object in parentheses.
var bareObject = regexp.MustCompile(`^\s*\(\s*\{`)

// New compiles a module; name is its file's, for messages. What is returned makes folds of
// it, for fold.Source.New. Errors of syntax, and a module without handlers, are told here.
func New(name, source string, limits Limits) (func() (fold.Fold, error), error) {
	source = exportDefault.ReplaceAllString(source, "module.exports=")
	if bareObject.MatchString(source) {
		source = "module.exports=" + source
	}
	// on one line with the first of the module, so that lines stay right
	program, err := goja.Compile(name, "(function(module, exports) {'use strict';"+source+"\n})", false)
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	limits = limits.withDefaults()
	makeFold := func() (fold.Fold, error) { return load(name, program, limits) }
	if _, err := makeFold(); err != nil {
		return nil, err
	}
	return makeFold, nil
}

// load runs the module in a runtime of its own.
func load(name string, program *goja.Program, limits Limits) (*script, error) {
	s := &script{
		limits: limits, name: name,
		values: values{vm: goja.New()}, exports: exports{handlers: map[string]goja.Callable{}},
	}
	s.vm.SetMaxCallStackSize(limits.Stack)
	s.vm.SetTimeSource(func() time.Time { return time.UnixMilli(s.time).UTC() })
	s.vm.SetRandSource(s.random)
	s.watchdog = newWatchdog(s.vm, limits)
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("fold: %s: %w", name, err)
	}
	defer s.watchdog.stopTimer()
	s.watchdog.startTimer()
	exports, err := s.run(program)
	if err != nil {
		return nil, fmt.Errorf("fold: %s: %w", name, oneLine(err))
	}
	for _, key := range exports.Keys() {
		call, ok := goja.AssertFunction(exports.Get(key))
		if !ok {
			return nil, fmt.Errorf("fold: %s: %s is not a function", name, key)
		}
		switch key {
		case "$init":
			s.init = call
		case "$any":
			s.any = call
		case "$delete":
			s.deleted = call
		default:
			if key[0] == '$' {
				return nil, fmt.Errorf("fold: %s: unknown %s: there are $init, $any and $delete; a type that begins with $ is handled in $any", name, key)
			}
			s.handlers[key] = call
		}
	}
	if len(s.handlers) == 0 && s.any == nil {
		return nil, fmt.Errorf("fold: %s exports no handlers: module.exports = {OrderPlaced: (state, event) => …}", name)
	}
	return s, nil
}

// run gives what the module exports.
func (s *script) run(program *goja.Program) (*goja.Object, error) {
	v, err := s.vm.RunProgram(program)
	if err != nil {
		return nil, err
	}
	body, ok := goja.AssertFunction(v)
	if !ok {
		return nil, fmt.Errorf("not a module")
	}
	module := s.vm.NewObject()
	exports := s.vm.NewObject()
	if err := module.Set("exports", exports); err != nil {
		return nil, err
	}
	s.watchdog.beginCall()
	_, err = body(goja.Undefined(), module, exports)
	s.watchdog.endCall()
	if err != nil {
		return nil, err
	}
	object, ok := module.Get("exports").(*goja.Object)
	if !ok {
		return nil, fmt.Errorf("module.exports is not an object")
	}
	return object, nil
}
