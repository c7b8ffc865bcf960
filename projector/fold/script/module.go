package script

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// module is a module as it is compiled: it runs once for each document.
type module struct {
	name    string
	program *goja.Program
	text    *ast.Program
	has     map[string]bool // what it exports
}

// exportDefault is the way of ES modules; with the space it has the length of what replaces
// it, so that places in messages stay right.
var exportDefault = regexp.MustCompile(`(?m)^export default(?:[ \t]|\b)`)

// suspends is the text of a method that is async, or a generator; other functions have a tag.
var suspends = regexp.MustCompile(`^(\*|async\s*(\*|\[|["'\w$]+\s*\())`)

// bareObject is a file that is only an object in parentheses.
var bareObject = regexp.MustCompile(`^\s*\(\s*\{`)

// opening is on one line with the first of the module, so that lines stay right.
const (
	opening  = "(function(module, exports) {'use strict';"
	exported = "module.exports="
)

// compile reads a module, and refuses what cannot be one, with file, line and column.
func compile(name, source string, w *watchdog) (*module, error) {
	source = exportDefault.ReplaceAllString(source, exported)
	before := opening
	if bareObject.MatchString(source) {
		before += exported
	}
	m := &module{name: name, has: map[string]bool{}}
	w.beginCall() // constants are calculated here
	err := m.parse(before + source + "\n})")
	w.endCall()
	if err != nil {
		return nil, m.syntaxError(err, len(before))
	}
	r, err := newRealm(m, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, m.inspect(r, len(before))
}

// parse reads the text. A comment in it could name a source map, which would be read from this
// machine: it is not.
func (m *module) parse(text string) (err error) {
	if m.text, err = parser.ParseFile(nil, m.name, text, 0, parser.WithDisableSourceMaps); err == nil {
		m.program, err = goja.CompileAST(m.text, false)
	}
	return err
}

// syntaxError says where it is. Of the parser's errors it is the first: the others follow.
func (m *module) syntaxError(err error, before int) error {
	var all parser.ErrorList
	if errors.As(err, &all) && len(all) > 0 {
		return fmt.Errorf("%s: %s", place(all[0].Position, before), all[0].Message)
	}
	var syntax *goja.CompilerSyntaxError
	if errors.As(err, &syntax) && syntax.File != nil {
		return fmt.Errorf("%s: %s", place(syntax.File.Position(syntax.Offset), before), syntax.Message)
	}
	return fmt.Errorf("%s: %w", m.name, err)
}

// place is a position in the module's file: what stands before its text is not counted.
func place(at file.Position, before int) string {
	if at.Line == 1 {
		at.Column = max(at.Column-before, 1)
	}
	return fmt.Sprintf("%s:%d:%d", at.Filename, at.Line, at.Column)
}

// inspect looks at what a module exports.
func (m *module) inspect(r *realm, before int) error {
	refuse := func(key, format string, args ...any) error {
		return fmt.Errorf("%s: "+format, append([]any{m.placeOf(key, before)}, args...)...)
	}
	handlers := 0
	for _, key := range r.exports.Keys() {
		value := r.exports.Get(key)
		if !isFunction(value) {
			return refuse(key, "%s is not a function", key)
		}
		if tagOf(value.ToObject(r.vm)) != "" || suspends.MatchString(value.String()) {
			return refuse(key, "the handler %s is async, or a generator: a handler is called and done, so write it without async, await and *", key)
		}
		special := slices.Contains([]string{"$init", "$any", "$delete"}, key)
		if !special && key != "" && key[0] == '$' {
			return refuse(key, "unknown %s: there are $init, $any and $delete; a type that begins with $ is handled in $any", key)
		}
		if !special || key == "$any" {
			handlers++
		}
		m.has[key] = true
	}
	if handlers == 0 {
		return fmt.Errorf("%s:1:1: exports no handlers: module.exports = {OrderPlaced: (state, event) => …}", m.name)
	}
	return nil
}

// tagOf is how an object calls itself: AsyncFunction, Map, Promise; "" for an ordinary one.
func tagOf(o *goja.Object) string {
	if tag := o.GetSymbol(goja.SymToStringTag); tag != nil && !goja.IsUndefined(tag) {
		return tag.String()
	}
	return ""
}

// placeOf is where a member is written; the beginning of the file if it is not to be found,
// since it is computed.
func (m *module) placeOf(key string, before int) string {
	found := file.Idx(0)
	walk(reflect.ValueOf(m.text.Body), func(n any) {
		switch n := n.(type) {
		case *ast.PropertyKeyed:
			if name, ok := n.Key.(*ast.StringLiteral); ok && string(name.Value) == key {
				found = n.Value.Idx0()
			}
		case *ast.PropertyShort:
			if string(n.Name.Name) == key {
				found = n.Name.Idx
			}
		case *ast.AssignExpression:
			if to, ok := n.Left.(*ast.DotExpression); ok && string(to.Identifier.Name) == key {
				found = n.Right.Idx0()
			}
		}
	})
	if found == 0 {
		return m.name + ":1:1"
	}
	return place(m.text.File.Position(int(found)-m.text.File.Base()), before)
}

// walk visits all nodes of a syntax tree; it has no more members than the tree has nodes.
func walk(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), visit)
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() == reflect.Struct && v.Type() != reflect.TypeFor[*file.File]() {
			visit(v.Interface())
			walk(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "DeclarationList" { // these are in the body, too
				walk(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	}
}
