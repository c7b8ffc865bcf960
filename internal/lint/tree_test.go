package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// file is one parsed file; its name and folder are relative to the repository.
type file struct {
	name, dir string
	lines     int
	test      bool
	set       *token.FileSet
	syntax    *ast.File
}

func (f file) line(p token.Pos) int  { return f.set.Position(p).Line }
func (f file) at(p token.Pos) string { return fmt.Sprintf("%s:%d", f.name, f.line(p)) }

// repository is parsed once for all tests.
var repository = sync.OnceValues(func() ([]file, error) {
	var files []file
	top := filepath.Join("..", "..")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir(), filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || strings.HasPrefix(string(text), generatedMark) {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		f, err := parsed(filepath.ToSlash(name), string(text))
		files = append(files, f)
		return err
	})
	return files, err
})

func parsed(name, text string) (f file, err error) {
	f = file{name: name, dir: path.Dir(name), set: token.NewFileSet(), test: strings.HasSuffix(name, "_test.go")}
	f.lines = strings.Count(text, "\n")
	f.syntax, err = parser.ParseFile(f.set, name, text, parser.ParseComments)
	return f, err
}

// everything is the repository, tests included.
func everything(t *testing.T) []file {
	t.Helper()
	files, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// product is every file that is no test.
func product(files []file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return f.test })
}

// tree parses a small one, by the names of its files: to see that a check finds what it looks for.
func tree(t *testing.T, sources map[string]string) []file {
	t.Helper()
	var files []file
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		f, err := parsed(name, sources[name])
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

type named struct {
	text               string
	pos                token.Pos
	method, documented bool
}

// names lists top-level names, and the methods of exported types.
func (f file) names() []named {
	var names []named
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(root(d.Recv.List[0].Type)) {
				names = append(names, named{d.Name.Name, d.Pos(), d.Recv != nil, d.Doc != nil})
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, named{s.Name.Name, s.Pos(), false, d.Doc != nil || s.Doc != nil})
				case *ast.ValueSpec:
					for _, id := range s.Names {
						names = append(names, named{id.Name, id.Pos(), false, d.Doc != nil || s.Doc != nil || s.Comment != nil})
					}
				}
			}
		}
	}
	return names
}

type variable struct {
	name                        string
	pos                         token.Pos
	sentinel, table, documented bool
}

// variables lists the package-level ones with what they are made of.
func (f file) variables() []variable {
	var vars []variable
	for _, decl := range f.syntax.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			s, _ := spec.(*ast.ValueSpec)
			doc := d.Doc != nil || s.Doc != nil || s.Comment != nil
			embed := strings.Contains(commentText(d.Doc)+commentText(s.Doc), "//go:embed")
			for i, id := range s.Names {
				v := variable{name: id.Name, pos: id.Pos(), documented: doc, sentinel: embed}
				if i < len(s.Values) {
					v.sentinel = v.sentinel || sentinel(s.Values[i])
					v.table = table(s.Values[i])
				}
				vars = append(vars, v)
			}
		}
	}
	return vars
}

func sentinel(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && strings.Contains(" errors.New fmt.Errorf regexp.MustCompile ", " "+root(sel)+"."+sel.Sel.Name+" ")
}

// table reports a literal, or a call that builds one once (strings.NewReplacer, a function
// of the package): nothing assigns to it, so it is as good as a constant.
func table(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit: // a pool, a mutex, a counter is state even if nothing assigns to it
		return !strings.Contains(" sync atomic ", " "+root(e.Type)+" ")
	case *ast.CallExpr:
		return true
	case *ast.UnaryExpr:
		return table(e.X)
	}
	return false
}

// assignments calls found with the name behind each left side of an assignment.
func (f file) assignments(found func(string)) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, left := range s.Lhs {
					found(root(left))
				}
			}
		case *ast.IncDecStmt:
			found(root(s.X))
		}
		return true
	})
}

// root is the leftmost name of an expression: a of a.b[c].
func root(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return ident(e)
	case *ast.SelectorExpr:
		return root(e.X)
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.IndexListExpr:
		return root(e.X)
	case *ast.StarExpr:
		return root(e.X)
	case *ast.ParenExpr:
		return root(e.X)
	}
	return ""
}

func ident(id *ast.Ident) string {
	if id == nil {
		return ""
	}
	return id.Name
}

func commentText(g *ast.CommentGroup) string {
	var b strings.Builder
	if g != nil {
		for _, c := range g.List {
			b.WriteString(c.Text + "\n")
		}
	}
	return b.String()
}
