package script

import (
	"bytes"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// maxDepth is how deep a state may nest.
const maxDepth = 200

// writer makes JSON of a state. What JSON.stringify would write as something else, or leave
// out, is refused, except for a member that is undefined.
type writer struct {
	*realm
	limit int // of bytes
	start int
	path  []string
	over  []*goja.Object // the objects around the present one
	large bool           // the state has too many bytes
}

// write appends the state. It runs as a call of the module: getters and toJSON may throw, or
// take too long. The Poison of a state that is merely too large is not one of its last event.
func (r *realm) write(dst []byte, limit int) (out []byte, large bool, poison *fold.Poison) {
	w := writer{realm: r, limit: limit, start: len(dst)}
	var err error
	write, _ := goja.AssertFunction(r.vm.ToValue(func(goja.FunctionCall) goja.Value {
		if out, err = w.value(dst, r.state); err == nil && len(out)-len(dst) > limit {
			err = w.tooLarge()
		}
		return goja.Undefined()
	}))
	if _, poison = r.call(write); poison != nil {
		return dst, false, poison
	}
	if err == nil && rawjson.Kind(out[len(dst):]) != '{' {
		w.path = nil
		err = w.reject("is written as %.20s, and a document is an object", out[len(dst):])
	}
	if err != nil {
		return dst, w.large, &fold.Poison{Reason: err.Error(), Dirty: true}
	}
	return out, false, nil
}

func (w *writer) reject(why string, args ...any) error {
	at := "the state"
	for _, step := range w.path[:min(len(w.path), 10)] {
		at += "." + step
	}
	return fmt.Errorf("%s: %s %s", w.module.name, at, fmt.Sprintf(why, args...))
}

func (w *writer) tooLarge() error {
	w.path, w.large = nil, true
	return w.reject("has more than %d bytes", w.limit)
}

// The Go types of what is not an ordinary object.
var (
	typeObject  = reflect.TypeFor[map[string]any]()
	typeLazy    = reflect.TypeFor[*lazy]()
	typeArray   = reflect.TypeFor[*lazyArray]()
	typeNumber  = reflect.TypeFor[*bigNumber]()
	typeMeta    = reflect.TypeFor[*meta]()
	typeProxy   = reflect.TypeFor[goja.Proxy]()
	typePromise = reflect.TypeFor[*goja.Promise]()
)

// value appends v; members that are undefined are for the caller to leave out.
func (w *writer) value(dst []byte, v goja.Value) ([]byte, error) {
	if len(dst)-w.start > w.limit {
		return dst, w.tooLarge()
	}
	if v == nil || goja.IsUndefined(v) {
		return dst, w.reject("is undefined, which JSON has no word for; write null, or leave it out")
	}
	if goja.IsNull(v) {
		return append(dst, "null"...), nil
	}
	switch v := v.(type) {
	case *goja.Object:
		return w.object(dst, v)
	case *goja.Symbol:
		return dst, w.reject("is a Symbol, which JSON has no word for; use its text")
	case goja.String:
		return w.text(dst, v)
	}
	switch x := v.Export().(type) {
	case bool:
		return strconv.AppendBool(dst, x), nil
	case *big.Int:
		return x.Append(dst, 10), nil
	case float64:
		if !isFinite(x) {
			return dst, w.reject("is %s, which JSON has no word for; write null, or a number", v)
		}
	case int64:
	default:
		return dst, w.reject("is a %T, which JSON has no word for", x)
	}
	return append(dst, v.String()...), nil // a number as JavaScript writes it
}

// text appends a string. Half of a pair of surrogates is no character: it cannot be written.
func (w *writer) text(dst []byte, s goja.String) ([]byte, error) {
	text := s.String()
	if strings.ContainsRune(text, utf8.RuneError) && halved(s) {
		return dst, w.reject("has half of a character (a lone surrogate): it was cut in two; cut it by Array.from(text)")
	}
	return rawjson.AppendQuoted(dst, text), nil
}

// halved reports whether a string has a surrogate without its other half.
func halved(s goja.String) bool {
	for i := 0; i < s.Length(); i++ {
		switch c := s.CharAt(i); {
		case c >= 0xdc00 && c < 0xe000:
			return true
		case c >= 0xd800 && c < 0xdc00:
			if i+1 == s.Length() || s.CharAt(i+1) < 0xdc00 || s.CharAt(i+1) >= 0xe000 {
				return true
			}
			i++
		}
	}
	return false
}

func (w *writer) object(dst []byte, o *goja.Object) ([]byte, error) {
	// an ordinary object would be exported as a whole, so its type is asked first
	switch o.ExportType() {
	case typeLazy, typeArray, typeNumber:
		switch x := o.Export().(type) {
		case *lazy:
			return appendRaw(dst, x.raw)
		case *lazyArray:
			return appendRaw(dst, x.raw)
		case *bigNumber:
			return appendRaw(dst, x.raw)
		}
	case typeMeta:
		return dst, w.reject("is meta itself, which changes with each event; copy it: {...meta}")
	case typeProxy:
		return dst, w.reject("is a Proxy, which is no plain value; copy what is behind it: {...it}")
	case typePromise:
		return dst, w.reject("is a Promise; a handler is called and done: assign the value itself, without async and await")
	}
	if len(w.path) > maxDepth {
		return dst, w.reject("nests deeper than %d", maxDepth)
	}
	for _, outer := range w.over {
		if outer == o {
			return dst, w.reject("is an object that it is inside of (a cycle)")
		}
	}
	w.over = append(w.over, o)
	defer func() { w.over = w.over[:len(w.over)-1] }()
	if to := o.Get("toJSON"); to != nil && isFunction(to) {
		return w.converted(dst, o, to)
	}
	return w.plain(dst, o)
}

// converted appends what toJSON gives: that of an object of the module, or of a Date.
func (w *writer) converted(dst []byte, o *goja.Object, to goja.Value) ([]byte, error) {
	call, _ := goja.AssertFunction(to)
	v, err := call(o)
	if err != nil {
		return dst, w.reject("cannot be written: %v", oneLine(err))
	}
	if o.ClassName() == "Date" && goja.IsNull(v) {
		return dst, w.reject("is an invalid Date; write null, or a date")
	}
	if v != goja.Value(o) {
		return w.value(dst, v)
	}
	return w.plain(dst, o)
}

// plain appends what JSON has a word for.
func (w *writer) plain(dst []byte, o *goja.Object) ([]byte, error) {
	switch class := o.ClassName(); class {
	case "Array":
		return w.array(dst, o)
	case "String":
		return w.value(dst, o.ToString())
	case "Number":
		return w.value(dst, o.ToNumber())
	case "Boolean":
		return w.value(dst, w.vm.ToValue(o.Export()))
	case "Object":
	case "Function":
		return dst, w.reject("is a function, which JSON has no word for; store what it returns")
	default:
		return dst, w.reject("is %s, which JSON has no word for; use a plain object or an array", article(class))
	}
	if tag := tagOf(o); tag != "" {
		return dst, w.reject("is %s, which JSON has no word for; use a plain object or an array", article(tag))
	}
	if o == w.vm.GlobalObject() || o.ExportType() != typeObject {
		return dst, w.reject("is no plain object; copy what you need of it: {...it}")
	}
	if err := w.inherited(o); err != nil {
		return dst, err
	}
	return w.members(dst, o)
}

// article puts one before a noun.
func article(noun string) string {
	if strings.ContainsRune("AEIOU", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// inherited refuses an object with members that are not its own: they would not be written. An
// instance of a class has only methods there.
func (w *writer) inherited(o *goja.Object) error {
	if len(o.Symbols()) > 0 {
		return w.reject("has a member whose name is a Symbol, which JSON has no word for; name it by a text")
	}
	for proto := o.Prototype(); proto != nil && proto != w.root(); proto = proto.Prototype() {
		if keys := proto.Keys(); len(keys) > 0 {
			return w.reject("inherits %q, which would not be written; copy it: Object.assign({}, …)", keys[0])
		}
	}
	return nil
}

// root is Object.prototype.
func (w *writer) root() *goja.Object {
	if w.realm.root == nil {
		w.realm.root = w.vm.NewObject().Prototype()
	}
	return w.realm.root
}

// appendRaw appends a part of an event as it came.
func appendRaw(dst, raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return append(dst, raw...), nil
	}
	return rawjson.AppendCompact(dst, raw), nil
}

func (w *writer) array(dst []byte, o *goja.Object) (_ []byte, err error) {
	dst = append(dst, '[')
	names, n := o.Keys(), o.Get("length").ToInteger()
	for i := range max(n, int64(len(names))) {
		name := strconv.FormatInt(i, 10)
		switch {
		case i >= int64(len(names)), i < n && names[i] != name:
			w.path = append(w.path, name)
			return dst, w.reject("is a hole in an array, which JSON has no word for; write null")
		case i >= n:
			return dst, w.reject("is an array with a member %q, which would not be written; use an object", names[i])
		case i > 0:
			dst = append(dst, ',')
		}
		w.path = append(w.path, name)
		if dst, err = w.value(dst, o.Get(name)); err != nil {
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
		w.path = append(w.path, name)
		if strings.ContainsRune(name, utf8.RuneError) { // it may stand for another name, whose value is not found
			return dst, w.reject("has a name with half of a character (a lone surrogate), or with U+FFFD, which stands for one; give it another name")
		}
		v := o.Get(name)
		if v == nil || goja.IsUndefined(v) {
			w.path = w.path[:len(w.path)-1]
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(rawjson.AppendQuoted(dst, name), ':')
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
