package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sort"
	"strings"
)

// tok is one token of a body. An object of the module has a key; its text then is its kind alone.
type tok struct{ text, key string }

// unit is what is compared: a function, a method, a type, or one line of variables or constants.
type unit struct {
	kind       string // func, type, var, const
	dir, file  string
	line       int
	recv, name string
	key        string
	test       bool
	exact      []tok
	short      []tok // paths of fields cut to their root and end: see shorten

	shape, shortShape string
	runs              map[string]bool
	pair              *unit
	how               string // exact, path, changed
}

func (u *unit) full() string {
	if u.recv != "" {
		return u.dir + "." + u.recv + "." + u.name
	}
	return u.dir + "." + u.name
}

func (u *unit) at() string {
	return fmt.Sprintf("%s:%d %s", u.file, u.line, strings.TrimPrefix(u.full(), u.dir+"."))
}

// emitter writes the tokens of one declaration.
type emitter struct {
	t        *tree
	f        *file
	info     *types.Info
	from, to token.Pos // of the declaration
	scoped   bool      // what is declared in here is local: in a function, fields of its own types as well
	shorten  bool
	locals   map[token.Pos]int
	out      []tok
}

func (t *tree) take(f *file, info *types.Info) {
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			u := &unit{kind: "func", name: d.Name.Name}
			if d.Recv != nil && len(d.Recv.List) > 0 {
				u.recv = baseName(d.Recv.List[0].Type)
			}
			t.add(u, f, info, d.Name, d, d.Doc)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					t.add(&unit{kind: "type", name: s.Name.Name}, f, info, s.Name, s, d.Doc, s.Doc)
				case *ast.ValueSpec:
					kind := "var"
					if d.Tok == token.CONST {
						kind = "const"
					}
					t.add(&unit{kind: kind, name: s.Names[0].Name}, f, info, s.Names[0], s, d.Doc, s.Doc)
				}
			}
		}
	}
}

func (t *tree) add(u *unit, f *file, info *types.Info, name *ast.Ident, n ast.Node, docs ...*ast.CommentGroup) {
	u.dir, u.file, u.test, u.line = f.dir, f.name, f.test, t.set.Position(name.Pos()).Line
	if o := info.Defs[name]; o != nil {
		u.key = t.key(o)
	} else { // init and _
		u.key = fmt.Sprintf("%s:%d:%s", f.name, u.line, name.Name)
	}
	t.owners[u.key] = u.full()
	if u.kind != "func" {
		t.own(n, u.dir, u.full(), info)
	}
	write := func(short bool) []tok {
		e := &emitter{t: t, f: f, info: info, from: n.Pos(), to: n.End(), scoped: u.kind == "func", shorten: short, locals: map[token.Pos]int{}}
		e.put(u.kind)
		for _, doc := range docs {
			if doc != nil {
				for _, c := range doc.List {
					if strings.HasPrefix(c.Text, "//go:") {
						e.put(c.Text)
					}
				}
			}
		}
		if fn, ok := n.(*ast.FuncDecl); ok {
			e.function(fn)
		} else {
			e.emit(n)
		}
		return tidy(e.out)
	}
	u.exact, u.short = write(false), write(true)
	u.shape, u.shortShape = shape(u.exact), shape(u.short)
	t.units = append(t.units, u)
}

// own names the fields and interface methods that a type or a variable declares.
func (t *tree) own(n ast.Node, dir, name string, info *types.Info) {
	if spec, ok := n.(*ast.ValueSpec); ok {
		for _, id := range spec.Names {
			if o := info.Defs[id]; o != nil {
				t.owners[t.key(o)] = dir + "." + id.Name
			}
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && info.Defs[id] != nil {
			if key := t.key(info.Defs[id]); t.owners[key] == "" {
				t.owners[key] = name + "." + id.Name
			}
		}
		return true
	})
}

func shape(all []tok) string {
	var b strings.Builder
	for _, x := range all {
		b.WriteString(x.text)
		b.WriteByte(0)
	}
	return b.String()
}

// tidy drops what only the layout of lines decides: separators before a closing bracket.
func tidy(all []tok) []tok {
	var out []tok
	for i, x := range all {
		if (x.text == "," || x.text == ";") && i+1 < len(all) && strings.Contains(")}]", all[i+1].text) && len(all[i+1].text) == 1 {
			continue
		}
		out = append(out, x)
	}
	for len(out) > 0 && out[len(out)-1].text == ";" {
		out = out[:len(out)-1]
	}
	return out
}

func (e *emitter) put(text string) { e.out = append(e.out, tok{text: text}) }

// function writes a method like a function with its receiver first, so that one may become the other.
func (e *emitter) function(fn *ast.FuncDecl) {
	e.emit(fn.Name)
	if fn.Type.TypeParams != nil {
		e.emit(fn.Type.TypeParams)
	}
	e.put("(")
	if fn.Recv != nil {
		field := fn.Recv.List[0]
		if len(field.Names) == 0 {
			e.put("_")
		} else {
			e.emit(field.Names[0])
		}
		if !e.shorten {
			e.emit(field.Type)
		}
	}
	for i, field := range fn.Type.Params.List {
		if i > 0 || fn.Recv != nil {
			e.put(",")
		}
		e.emit(field)
	}
	e.put(")")
	if fn.Type.Results != nil {
		e.emit(fn.Type.Results)
	}
	if fn.Body != nil {
		e.emit(fn.Body)
	}
}

func (e *emitter) emit(n ast.Node) {
	switch n := n.(type) {
	case *ast.Ident:
		e.ident(n)
		return
	case *ast.SelectorExpr:
		e.selector(n)
		return
	case *ast.CallExpr:
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && e.method(sel) {
			e.call(n, sel)
			return
		}
	case *ast.KeyValueExpr:
		if e.shorten && e.inline(n) {
			return
		}
	case *ast.CommentGroup:
		return
	}
	at := n.Pos()
	for _, child := range children(n) {
		e.gap(at, child.Pos())
		e.emit(child)
		at = child.End()
	}
	e.gap(at, n.End())
}

// gap writes the tokens between two parts of a node.
func (e *emitter) gap(from, to token.Pos) {
	all := e.f.tokens
	i := sort.Search(len(all), func(i int) bool { return all[i].pos >= from })
	for ; i < len(all) && all[i].pos < to; i++ {
		e.put(all[i].text)
	}
}

func children(n ast.Node) []ast.Node {
	var all []ast.Node
	ast.Inspect(n, func(c ast.Node) bool {
		if c == n {
			return true
		}
		if c != nil {
			if _, doc := c.(*ast.CommentGroup); !doc {
				all = append(all, c)
			}
		}
		return false
	})
	slices.SortStableFunc(all, func(a, b ast.Node) int { return int(a.Pos() - b.Pos()) })
	return all
}

// method reports a call of a method of the module.
func (e *emitter) method(sel *ast.SelectorExpr) bool {
	s := e.info.Selections[sel]
	return s != nil && s.Kind() == types.MethodVal && e.t.owned(s.Obj())
}

// call writes x.m(a) as m(x, a).
func (e *emitter) call(n *ast.CallExpr, sel *ast.SelectorExpr) {
	e.ident(sel.Sel)
	e.put("(")
	if e.shorten {
		e.emit(e.root(sel.X))
	} else {
		e.emit(sel.X)
	}
	for _, a := range n.Args {
		e.put(",")
		e.emit(a)
	}
	if n.Ellipsis.IsValid() {
		e.put("...")
	}
	e.put(")")
}

// root goes down a path of fields to what it starts from.
func (e *emitter) root(x ast.Expr) ast.Expr {
	for {
		sel, ok := x.(*ast.SelectorExpr)
		if !ok {
			return x
		}
		s := e.info.Selections[sel]
		if s == nil || s.Kind() != types.FieldVal || !e.t.owned(s.Obj()) {
			return x
		}
		x = sel.X
	}
}

// part reports a struct of the module: as a field it may be a part that was taken out of another.
func (e *emitter) part(typ types.Type) bool {
	if p, ok := types.Unalias(typ).(*types.Pointer); ok {
		typ = p.Elem()
	}
	named, ok := types.Unalias(typ).(*types.Named)
	if !ok || !e.t.owned(named.Obj()) {
		return false
	}
	_, ok = named.Underlying().(*types.Struct)
	return ok
}

// inline writes the fields of a part in a literal as if they were the outer struct's own.
func (e *emitter) inline(n *ast.KeyValueExpr) bool {
	id, ok := n.Key.(*ast.Ident)
	if !ok {
		return false
	}
	field, ok := e.info.Uses[id].(*types.Var)
	if !ok || !field.IsField() || !e.part(field.Type()) {
		return false
	}
	value := n.Value
	if ref, ok := value.(*ast.UnaryExpr); ok {
		value = ref.X
	}
	lit, ok := value.(*ast.CompositeLit)
	if !ok || len(lit.Elts) == 0 {
		return false
	}
	for _, x := range lit.Elts {
		if _, ok := x.(*ast.KeyValueExpr); !ok {
			return false
		}
	}
	for i, x := range lit.Elts {
		if i > 0 {
			e.put(",")
		}
		e.emit(x)
	}
	return true
}

func (e *emitter) selector(n *ast.SelectorExpr) {
	if id, ok := n.X.(*ast.Ident); ok {
		if _, ok := e.info.Uses[id].(*types.PkgName); ok {
			e.ident(n.Sel)
			return
		}
	}
	if s := e.info.Selections[n]; e.shorten && s != nil && e.t.owned(s.Obj()) {
		e.emit(e.root(n.X))
		if s.Kind() == types.FieldVal && e.part(s.Type()) {
			return
		}
	} else {
		e.emit(n.X)
	}
	e.put(".")
	e.ident(n.Sel)
}

func (e *emitter) ident(id *ast.Ident) {
	def, use := e.info.Defs[id], e.info.Uses[id]
	switch {
	case id.Name == "_":
		e.put("_")
	case def == nil && use == nil:
		if _, symbolic := e.info.Defs[id]; symbolic { // x of switch x := y.(type)
			e.local(id.Pos())
		} else {
			e.put(id.Name)
		}
	default:
		if def != nil {
			e.object(id, def)
		}
		if use != nil { // an embedded field is both
			e.object(id, use)
		}
	}
}

func (e *emitter) local(at token.Pos) {
	if _, ok := e.locals[at]; !ok {
		e.locals[at] = len(e.locals) + 1
	}
	e.put(fmt.Sprintf("$%d", e.locals[at]))
}

func (e *emitter) object(id *ast.Ident, o types.Object) {
	o = origin(o)
	inside := o.Pos() >= e.from && o.Pos() < e.to
	global := o.Pkg() != nil && o.Parent() == o.Pkg().Scope()
	v, _ := o.(*types.Var)
	field := v != nil && v.IsField()
	fn, _ := o.(*types.Func)
	member := field || fn != nil && fn.Signature().Recv() != nil
	switch {
	case o.Pkg() == nil: // the universe
		e.put(id.Name)
	case inside && e.scoped && !global && id.Name != "init" && (fn == nil || !isDeclName(fn, e)):
		e.local(o.Pos())
	case !global && !member && fn == nil: // parameters, variables, labels of a type or variable declaration
		e.local(o.Pos())
	case e.t.owned(o):
		e.out = append(e.out, tok{text: kindOf(o), key: e.t.key(o)})
		if c, ok := o.(*types.Const); ok && inside {
			e.put("=" + c.Val().ExactString()) // an iota says nothing by itself
		}
	case member:
		e.put(id.Name)
	default:
		e.put(o.Pkg().Path() + "." + id.Name)
	}
}

// isDeclName reports the function or method that is being written itself.
func isDeclName(fn *types.Func, e *emitter) bool {
	for _, d := range e.f.syntax.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Name.Pos() == fn.Pos() {
			return true
		}
	}
	return false
}

func kindOf(o types.Object) string {
	switch o := o.(type) {
	case *types.Func:
		return "§func"
	case *types.Var:
		if o.IsField() {
			return "§field"
		}
		return "§var"
	case *types.Const:
		return "§const"
	case *types.TypeName:
		return "§type"
	}
	return "§?"
}

func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Func:
		return o.Origin()
	case *types.Var:
		return o.Origin()
	}
	return o
}

func (t *tree) owned(o types.Object) bool { return o.Pkg() != nil && t.ours(o.Pkg().Path()) }

// key is where an object is declared: the same in a package and in its variant with tests.
func (t *tree) key(o types.Object) string {
	p := t.set.Position(origin(o).Pos())
	return fmt.Sprintf("%s:%d:%d:%s", p.Filename, p.Line, p.Column, o.Name())
}

func baseName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.StarExpr:
		return baseName(x.X)
	case *ast.IndexExpr:
		return baseName(x.X)
	case *ast.IndexListExpr:
		return baseName(x.X)
	}
	return "?"
}
