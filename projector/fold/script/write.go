package script

import (
	"bytes"
	"fmt"
	"math/big"
	"reflect"

	"github.com/dop251/goja"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// maxDepth is how deep a state may nest; a cycle ends there too.
const maxDepth = 200

// writer makes JSON of a state.
type writer struct {
	*script
	start int
	path  []string
}

// write appends the state. It runs as a call of the module: getters and toJSON may throw, or
// take too long.
func (s *script) write(dst []byte) (out []byte, err error) {
	write, _ := goja.AssertFunction(s.vm.ToValue(func(goja.FunctionCall) goja.Value {
		w := writer{script: s, start: len(dst)}
		if out, err = w.value(dst, s.state); err == nil && len(out)-len(dst) > s.limits.State {
			err = w.tooLarge()
		}
		return goja.Undefined()
	}))
	if _, thrown := s.call(write); thrown != nil {
		return dst, thrown
	}
	return out, err
}

func (w *writer) reject(why string, args ...any) error {
	at := "the state"
	for _, step := range w.path[:min(len(w.path), 10)] {
		at += "." + step
	}
	return &fold.Poison{Reason: fmt.Sprintf("%s: %s %s", w.name, at, fmt.Sprintf(why, args...))}
}

func (w *writer) tooLarge() error {
	w.path = nil
	return w.reject("has more than %d bytes", w.limits.State)
}

// objectTypes are the Go types of what is not an ordinary object.
type objectTypes struct{ object, array, number, meta, promise, maps, list reflect.Type }

func newObjectTypes() objectTypes {
	return objectTypes{
		reflect.TypeFor[*lazy](), reflect.TypeFor[*lazyArray](), reflect.TypeFor[*bigNumber](), reflect.TypeFor[*meta](),
		reflect.TypeFor[*goja.Promise](), reflect.TypeFor[[][2]any](), reflect.TypeFor[[]any](),
	}
}

// value appends v; undefined and functions are for the caller to leave out.
func (w *writer) value(dst []byte, v goja.Value) ([]byte, error) {
	if len(dst)-w.start > w.limits.State {
		return dst, w.tooLarge()
	}
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return append(dst, "null"...), nil
	}
	if o, ok := v.(*goja.Object); ok {
		return w.object(dst, o)
	}
	switch x := v.Export().(type) {
	case bool:
		return fmt.Append(dst, x), nil
	case string:
		return rawjson.AppendQuoted(dst, x), nil
	case *big.Int:
		return x.Append(dst, 10), nil
	case float64:
		if !isFinite(x) {
			return dst, w.reject("is %v, which JSON has no word for", x)
		}
	case int64:
	default:
		return dst, w.reject("is a %T, which JSON has no word for", x)
	}
	return append(dst, v.String()...), nil // a number as JavaScript writes it
}

func (w *writer) object(dst []byte, o *goja.Object) ([]byte, error) {
	if len(w.path) > maxDepth {
		return dst, w.reject("nests deeper than %d: a cycle?", maxDepth)
	}
	// an ordinary object would be exported as a whole, so its type is asked first
	switch o.ExportType() {
	case w.types.promise: // of an async handler; JSON.stringify would write {}, as for a Map and a Set
		return dst, w.reject("is a Promise: a handler is called and done, without async")
	case w.types.maps:
		return dst, w.reject("is a Map, which JSON has no word for; use an object")
	case w.types.object, w.types.array, w.types.number, w.types.meta:
		switch x := o.Export().(type) {
		case *lazy:
			return w.appendRaw(dst, x)
		case *lazyArray:
			return w.appendRaw(dst, &x.lazy)
		case *bigNumber:
			return w.appendRaw(dst, &x.lazy)
		}
		return dst, w.reject("is meta itself, which changes with each event; copy it: {...meta}")
	}
	if f, ok := goja.AssertFunction(o.Get("toJSON")); ok {
		v, err := f(o)
		if err != nil {
			return dst, w.reject("cannot be written: %v", oneLine(err))
		}
		if v != goja.Value(o) {
			return w.value(dst, v)
		}
	}
	switch o.ClassName() {
	case "Array":
		return w.array(dst, o)
	case "String":
		return w.value(dst, o.ToString())
	case "Number":
		return w.value(dst, o.ToNumber())
	case "Boolean":
		return w.value(dst, w.vm.ToValue(o.Export()))
	case "Object", "Error", "Arguments":
		if o.ExportType() == w.types.list { // an array has another class
			return dst, w.reject("is a Set, which JSON has no word for; use an array")
		}
		return w.members(dst, o)
	}
	return dst, w.reject("is a %s, which JSON has no word for", o.ClassName())
}

// appendRaw appends a part of an event as it came.
func (w *writer) appendRaw(dst []byte, l *lazy) ([]byte, error) {
	if l.epoch != w.epoch {
		return dst, w.reject("holds an event of another document")
	}
	if bytes.IndexByte(l.raw, '\n') < 0 && bytes.IndexByte(l.raw, '\r') < 0 {
		return append(dst, l.raw...), nil
	}
	return rawjson.AppendCompact(dst, l.raw), nil
}

func (w *writer) array(dst []byte, o *goja.Object) (_ []byte, err error) {
	dst = append(dst, '[')
	n := int(o.Get("length").ToInteger())
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		name := fmt.Sprint(i)
		v := o.Get(name)
		if isFunction(v) {
			v = nil
		}
		w.path = append(w.path, name)
		if dst, err = w.value(dst, v); err != nil {
			return dst, err
		}
		w.path = w.path[:len(w.path)-1]
	}
	return append(dst, ']'), nil
}

func (w *writer) members(dst []byte, o *goja.Object) (_ []byte, err error) {
	dst = append(dst, '{')
	first := true
	for _, name := range o.Keys() {
		v := o.Get(name)
		if v == nil || goja.IsUndefined(v) || isFunction(v) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(rawjson.AppendQuoted(dst, name), ':')
		w.path = append(w.path, name)
		if dst, err = w.value(dst, v); err != nil {
			return dst, err
		}
		w.path = w.path[:len(w.path)-1]
	}
	return append(dst, '}'), nil
}

func isFunction(v goja.Value) bool {
	_, ok := goja.AssertFunction(v)
	return ok
}
