package script

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"humpty/projector/fold"
)

// realm is where one document is made: a runtime of its own, in which the module has just
// run. Whatever a handler leaves behind, in variables of the module, in globalThis or in
// Object.prototype, ends with the document.
type realm struct {
	module   *module
	watchdog *watchdog
	values
	exports  *goja.Object
	handlers map[string]goja.Callable
	meta     meta
	metaObj  *goja.Object // over meta
	time     int64        // what Date says
	rng      *rand.Rand

	root *goja.Object // Object.prototype, once it is asked for

	state goja.Value // nil: none
	args  [3]goja.Value
}

// newRealm runs the module.
func newRealm(m *module, w *watchdog) (*realm, error) {
	r := &realm{module: m, watchdog: w, values: values{vm: goja.New()}, handlers: make(map[string]goja.Callable, len(m.has))}
	r.vm.SetParserOptions(parser.WithDisableSourceMaps)
	r.vm.SetMaxCallStackSize(w.limits.Stack)
	r.vm.SetTimeSource(func() time.Time { return time.UnixMilli(r.time).UTC() })
	r.vm.SetRandSource(r.random)
	r.meta.vm = r.vm
	r.metaObj = r.vm.NewDynamicObject(&r.meta)
	w.watch(r.vm)
	v, err := r.vm.RunProgram(m.program)
	if err != nil {
		return nil, oneLine(err)
	}
	body, ok := goja.AssertFunction(v)
	if !ok {
		return nil, errors.New("it is not a module")
	}
	holder, exports := r.vm.NewObject(), r.vm.NewObject()
	_ = holder.Set("exports", exports) // an ordinary object takes anything
	w.beginCall()
	defer w.endCall()
	if _, err = body(goja.Undefined(), holder, exports); err != nil {
		return nil, oneLine(err)
	}
	if r.exports, ok = holder.Get("exports").(*goja.Object); !ok {
		return nil, errors.New("module.exports is not an object")
	}
	return r, nil
}

// random is the same sequence for each document.
func (r *realm) random() float64 {
	if r.rng == nil {
		r.rng = rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time is what is wanted
	}
	return r.rng.Float64()
}

// handler is the function that the module exports by that name; nil: there is none.
func (r *realm) handler(name string) goja.Callable {
	if !r.module.has[name] {
		return nil
	}
	f, ok := r.handlers[name]
	if !ok {
		f, _ = goja.AssertFunction(r.exports.Get(name))
		r.handlers[name] = f
	}
	return f
}

// handlerOf is the function that takes an event.
func (r *realm) handlerOf(e *fold.Event) (f goja.Callable, reason string) {
	switch {
	case e.Deleted:
		return r.handler("$delete"), ""
	case !strings.HasPrefix(e.Type, "$"):
		f = r.handler(e.Type)
	}
	if f == nil {
		f = r.handler("$any")
	}
	if f == nil {
		return nil, fmt.Sprintf("%s has no handler for events of type %q, and no $any", r.module.name, e.Type)
	}
	return f, ""
}

// apply changes the state as the event says. A dirty Poison may have changed it half-way.
func (r *realm) apply(e *fold.Event) *fold.Poison {
	r.time, r.meta.event = e.Time, e
	handler, reason := r.handlerOf(e)
	switch {
	case reason != "":
		return &fold.Poison{Reason: reason}
	case handler == nil: // a tombstone that the module does not want to see
		r.state = nil
		return nil
	}
	if r.state == nil {
		if poison := r.initState(); poison != nil {
			return poison
		}
	}
	r.args = [3]goja.Value{r.state, goja.Null(), r.metaObj}
	if !e.Deleted {
		r.args[1] = r.value(e.Value)
	}
	result, poison := r.call(handler, r.args[:]...)
	switch {
	case poison != nil:
		return poison
	case goja.IsUndefined(result) && !e.Deleted:
	case goja.IsUndefined(result), goja.IsNull(result):
		r.state = nil
	default:
		object, ok := result.(*goja.Object)
		if !ok {
			return &fold.Poison{Reason: fmt.Sprintf("%s: the handler of %q returned %s; a state is an object, and null deletes", r.module.name, e.Type, result), Dirty: true}
		}
		if object.ExportType() == typePromise {
			return &fold.Poison{Reason: fmt.Sprintf("%s: the handler of %q returned a Promise; a handler is called and done: return the state itself, without async and await", r.module.name, e.Type), Dirty: true}
		}
		r.state = result
	}
	return nil
}

// initState makes the first state.
func (r *realm) initState() *fold.Poison {
	init := r.handler("$init")
	if init == nil {
		r.state = r.vm.NewObject()
		return nil
	}
	state, poison := r.call(init)
	if poison != nil {
		return poison
	}
	if _, ok := state.(*goja.Object); !ok {
		return &fold.Poison{Reason: fmt.Sprintf("%s: $init returned %s, not an object", r.module.name, state), Dirty: true}
	}
	r.state = state
	return nil
}

func (r *realm) call(f goja.Callable, args ...goja.Value) (goja.Value, *fold.Poison) {
	r.watchdog.beginCall()
	v, err := f(goja.Undefined(), args...)
	r.watchdog.endCall()
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
