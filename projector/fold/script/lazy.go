package script

import (
	"math"
	"strconv"

	"github.com/dop251/goja"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// values makes JavaScript values of JSON, over its bytes.
type values struct {
	vm      *goja.Runtime
	numbers *goja.Object // the prototype of numbers that JavaScript cannot hold; made when it is needed
}

// lazy is an object or array of an event, over its bytes. Its members are made when they
// are touched, and kept, so that the same is the same.
type lazy struct {
	values *values
	raw    []byte
	cache  []member
}

type member struct {
	name  string
	value goja.Value
}

// lazyArray is lazy under the other interface of goja.
type lazyArray struct{ lazy }

// bigNumber is what a number that JavaScript cannot hold is, over its bytes.
type bigNumber struct{ lazy }

// value makes what a checked JSON value is to a script.
func (v *values) value(raw []byte) goja.Value {
	switch rawjson.Kind(raw) {
	case '{':
		return v.vm.NewDynamicObject(&lazy{values: v, raw: raw})
	case '[':
		return v.vm.NewDynamicArray(&lazyArray{lazy{values: v, raw: raw}})
	case '"':
		text, _ := rawjson.Text(raw)
		return v.vm.ToValue(string(text))
	case 't':
		return v.vm.ToValue(true)
	case 'f':
		return v.vm.ToValue(false)
	case 'n':
		return goja.Null()
	}
	return v.number(raw)
}

// number is one that JavaScript holds exactly, or a thing that says it.
func (v *values) number(raw []byte) goja.Value {
	if len(raw) == 0 {
		return goja.Undefined()
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && n <= 1<<53 && n >= -(1<<53) && (n != 0 || raw[0] != '-') {
		return v.vm.ToValue(n)
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err == nil && significant(raw) <= 15 { // as many digits as a float64 gives back
		return v.vm.ToValue(f)
	}
	o := v.vm.NewDynamicObject(&bigNumber{lazy{values: v, raw: raw}})
	_ = o.SetPrototype(v.numberPrototype()) // fails for objects that are not extensible
	return o
}

// numberPrototype has what makes an ordinary number of one that JavaScript cannot hold.
func (v *values) numberPrototype() *goja.Object {
	if v.numbers == nil {
		made, err := v.vm.RunString(`({valueOf() { return Number(this.raw) }, toString() { return this.raw }, toJSON() { return Number(this.raw) }})`)
		if err != nil {
			panic(v.vm.NewGoError(err))
		}
		v.numbers = made.ToObject(v.vm)
	}
	return v.numbers
}

// significant counts the digits of a number from the first that is not 0.
func significant(v []byte) int {
	n := 0
	for _, c := range v {
		if c|0x20 == 'e' {
			break
		}
		if c >= '1' && c <= '9' || c == '0' && n > 0 {
			n++
		}
	}
	return n
}

func (l *lazy) rejectWrite() bool {
	panic(l.values.vm.NewTypeError("events are read-only; change a copy: {...event.item}, [...event.list]"))
}

// Get makes the member.
func (l *lazy) Get(key string) goja.Value {
	for i := range l.cache {
		if l.cache[i].name == key {
			return l.cache[i].value
		}
	}
	v := rawjson.Get(l.raw, key)
	if v == nil {
		return nil
	}
	value := l.values.value(v)
	l.cache = append(l.cache, member{key, value})
	return value
}

// Set throws.
func (l *lazy) Set(string, goja.Value) bool { return l.rejectWrite() }

// Delete throws.
func (l *lazy) Delete(string) bool { return l.rejectWrite() }

// Has reports whether there is such a member.
func (l *lazy) Has(key string) bool {
	return rawjson.Get(l.raw, key) != nil
}

// Keys lists the members.
func (l *lazy) Keys() []string {
	var keys []string
	for w := rawjson.Into(l.raw); w.Next(); {
		keys = append(keys, string(rawjson.AppendUnquoted(nil, w.Name)))
	}
	return keys
}

// Len counts the elements.
func (a *lazyArray) Len() int {
	n := 0
	for w := rawjson.Into(a.raw); w.Next(); {
		n++
	}
	return n
}

// Get makes the element. All are made at once: a walk to each would be quadratic.
func (a *lazyArray) Get(i int) goja.Value {
	if a.cache == nil {
		for w := rawjson.Into(a.raw); w.Next(); {
			a.cache = append(a.cache, member{value: a.values.value(w.Value)})
		}
	}
	if i < 0 || i >= len(a.cache) {
		return nil
	}
	return a.cache[i].value
}

// Set throws.
func (a *lazyArray) Set(int, goja.Value) bool { return a.rejectWrite() }

// SetLen throws.
func (a *lazyArray) SetLen(int) bool { return a.rejectWrite() }

// Get has raw, the digits.
func (t *bigNumber) Get(key string) goja.Value {
	if key == "raw" {
		return t.values.vm.ToValue(string(t.raw))
	}
	return nil
}

// Has knows raw.
func (t *bigNumber) Has(key string) bool { return key == "raw" }

// Keys has none: raw is not for loops.
func (t *bigNumber) Keys() []string { return nil }

// meta is what is known of the present event beside its value. A document has one, which
// changes with each event.
type meta struct {
	vm    *goja.Runtime
	event *fold.Event
}

// Get makes the member.
func (m *meta) Get(key string) goja.Value {
	if m.event == nil {
		return nil // $init has no event
	}
	switch key {
	case "type":
		return m.vm.ToValue(m.event.Type)
	case "key":
		return m.vm.ToValue(string(m.event.Key))
	case "topic":
		return m.vm.ToValue(m.event.Topic)
	case "partition":
		return m.vm.ToValue(m.event.Partition)
	case "offset":
		return m.vm.ToValue(m.event.Offset)
	case "time":
		return m.vm.ToValue(m.event.Time)
	}
	return nil
}

// Set throws.
func (m *meta) Set(string, goja.Value) bool {
	panic(m.vm.NewTypeError("meta is read-only"))
}

// Delete throws.
func (m *meta) Delete(string) bool { return m.Set("", nil) }

// Has reports whether there is such a member.
func (m *meta) Has(key string) bool { return m.Get(key) != nil }

// Keys lists the members.
func (m *meta) Keys() []string {
	return []string{"type", "key", "topic", "partition", "offset", "time"}
}

// isFinite reports whether a number is one that JSON can say.
func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
