package lint

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// The budgets. Raise one only with the reason beside it.
const (
	maxFileLines   = 400
	medianLines    = 120
	maxFuncLines   = 70
	maxExported    = 30 // top-level names of a package, methods apart
	maxInterface   = 5  // methods, embedded ones too
	generatedMark  = "// Code generated "
	exemptFromDocs = " Error String Unwrap Is As Len Less Swap Close MarshalJSON UnmarshalJSON MarshalText UnmarshalText "
)

// moreExported lists the packages whose names are a vocabulary rather than an interface.
var moreExported = map[string]int{
	"sources":   38, // what sources, views and feeds can do beside is an interface each: 16 of the names
	"sinks":     57, // states and outcomes are constants: 8 + 5 of the names; what a target can tell of its health: 7
	"projector": 54, // levels, ends and writers are constants: 3 + 5 + 3 of the names

	"sources/postgres/pgjson": 43, // the numbers of PostgreSQL's types are constants: 23 of the names

	"bench/internal/result": 32, // measurements are constants: 13 of the names
}

func TestFiles(t *testing.T) {
	var sizes []int
	for _, f := range product(t) {
		sizes = append(sizes, f.lines)
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d are allowed: one noun a file", f.name, f.lines, maxFileLines)
		}
	}
	slices.Sort(sizes)
	if median := sizes[len(sizes)/2]; median > medianLines {
		t.Errorf("the median file has %d lines, at most %d are allowed", median, medianLines)
	}
}

func TestFunctions(t *testing.T) {
	for _, f := range product(t) {
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, at most %d are allowed", f.at(fn.Pos()), fn.Name.Name, n, maxFuncLines)
			}
			if fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: an init function; let main wire it", f.at(fn.Pos()))
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a raw go statement; use an errgroup that somebody waits for", f.at(g.Pos()))
			}
			return true
		})
	}
}

func TestNames(t *testing.T) {
	exported := map[string]int{}
	for _, f := range product(t) {
		for _, name := range f.names() {
			if !ast.IsExported(name.text) {
				continue
			}
			if !name.method {
				exported[f.dir]++
			}
			if !name.documented && !(name.method && strings.Contains(exemptFromDocs, " "+name.text+" ")) {
				t.Errorf("%s: %s is exported and has no comment", f.at(name.pos), name.text)
			}
		}
	}
	for dir, n := range exported {
		limit := maxExported
		if more, ok := moreExported[dir]; ok {
			limit = more
		}
		if n > limit {
			t.Errorf("package %s exports %d names, at most %d are allowed", dir, n, limit)
		}
	}
}

func TestInterfaces(t *testing.T) {
	type key struct{ dir, name string }
	all := map[key]*ast.InterfaceType{}
	for _, f := range product(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if typ, ok := spec.Type.(*ast.InterfaceType); ok {
					all[key{f.dir, spec.Name.Name}] = typ
				}
			}
			return true
		})
	}
	var count func(dir string, typ *ast.InterfaceType) int
	count = func(dir string, typ *ast.InterfaceType) int {
		n := 0
		for _, field := range typ.Methods.List {
			name, _ := field.Type.(*ast.Ident)
			if embedded := all[key{dir, ident(name)}]; len(field.Names) == 0 && embedded != nil {
				n += count(dir, embedded)
			} else {
				n++
			}
		}
		return n
	}
	for at, typ := range all {
		if n := count(at.dir, typ); n > maxInterface {
			t.Errorf("interface %s.%s has %d methods, at most %d are allowed", at.dir, at.name, n, maxInterface)
		}
	}
}

func TestState(t *testing.T) {
	assigned := map[string]map[string]bool{} // directory → names something is assigned to
	files := product(t)
	for _, f := range files {
		if assigned[f.dir] == nil {
			assigned[f.dir] = map[string]bool{}
		}
		f.assignments(func(name string) { assigned[f.dir][name] = true })
	}
	for _, f := range files {
		for _, v := range f.variables() {
			switch {
			case v.name == "_", v.sentinel: // an assertion; an error, a compiled pattern, an embedded file
			case assigned[f.dir][v.name]:
				t.Errorf("%s: package-level variable %s is assigned to: keep it in a struct", f.at(v.pos), v.name)
			case v.table && v.documented: // a lookup table that says so
			case v.table:
				t.Errorf("%s: the table %s has no comment", f.at(v.pos), v.name)
			default:
				t.Errorf("%s: package-level variable %s: keep it in a struct, or make it a constant", f.at(v.pos), v.name)
			}
		}
	}
}

func TestNoSleep(t *testing.T) {
	for _, f := range parse(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" && root(sel) == "time" {
				t.Errorf("%s: time.Sleep; wait for the thing itself", f.at(sel.Pos()))
			}
			return true
		})
	}
}
