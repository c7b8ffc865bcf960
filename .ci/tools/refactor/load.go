package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/tools/go/packages"
)

type key string // file:line:col of a declaration

type op struct {
	at   string
	verb string
	args []string
}

type srcFile struct {
	name string // relative
	text []byte
	ast  *ast.File
	pkgs []*packages.Package // variants
	fset *token.FileSet
	dir  string
	test bool // external test package
	pkg  string
}

type decl struct {
	file  *srcFile
	node  ast.Decl
	start int // offset with its comments
	end   int
	keys  []key // objects declared
	recv  string
	newTo string // new file, relative
}

type mover struct {
	root, module string
	ops          []op
	fset         *token.FileSet
	pkgs         []*packages.Package
	files        map[string]*srcFile
	decls        []*decl
	declOf       map[key]*decl
	rename       map[key]string
	oldName      map[key]string
	newFile      map[string]string // whole file moves
	pkgName      map[string]string // new dir → name
	dirMoves     map[string]string
	problems     []string
	problemSeen  map[string]bool
	out          map[string][]piece
	plain        map[string]string // other files old → new
	fileEdits    map[string][]edit
	uses         map[string]map[int][2]string
}

func newMover(dir string) *mover {
	root, err := filepath.Abs(dir)
	check(err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	check(err)
	m := &mover{root: root, files: map[string]*srcFile{}, declOf: map[key]*decl{}, rename: map[key]string{}, oldName: map[key]string{},
		newFile: map[string]string{}, pkgName: map[string]string{}, dirMoves: map[string]string{}, problemSeen: map[string]bool{}, plain: map[string]string{}}
	m.module = strings.TrimSpace(strings.TrimPrefix(strings.SplitN(string(mod), "\n", 2)[0], "module"))
	return m
}

func (m *mover) problem(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !m.problemSeen[s] {
		m.problemSeen[s] = true
		m.problems = append(m.problems, s)
	}
}

func (m *mover) readPlan(name, text string) {
	n := map[string][2]int{"rename": {2, 2}, "local": {3, 3}, "locals": {3, 3}, "receiver": {2, 2}, "package": {2, 3}, "file": {2, 2}, "decl": {2, 2}, "type": {2, 2}, "name": {2, 2}}
	for i, line := range strings.Split(text, "\n") {
		if j := strings.Index(line, "#"); j >= 0 {
			line = line[:j]
		}
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		at := fmt.Sprintf("%s:%d", name, i+1)
		r, ok := n[w[0]]
		if !ok || len(w)-1 < r[0] || len(w)-1 > r[1] {
			m.problem("%s: cannot read %q", at, line)
			continue
		}
		m.ops = append(m.ops, op{at, w[0], w[1:]})
	}
}

func (m *mover) load() {
	m.fset = token.NewFileSet()
	for _, tags := range []string{"", "crashpoints"} {
		cfg := &packages.Config{Dir: m.root, Env: append(os.Environ(), "GOFLAGS=-trimpath"), Fset: m.fset, Tests: true,
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps | packages.NeedModule}
		if tags != "" {
			cfg.BuildFlags = []string{"-tags=" + tags}
		}
		cfg.Mode &^= packages.NeedDeps
		pkgs, err := packages.Load(cfg, "./...")
		check(err)
		bad := 0
		for _, p := range pkgs {
			for _, e := range p.Errors {
				fmt.Fprintln(os.Stderr, e)
				bad++
			}
		}
		if bad > 0 {
			check(fmt.Errorf("the tree does not type-check (tags %q)", tags))
		}
		m.pkgs = append(m.pkgs, pkgs...)
	}
	for _, p := range m.pkgs {
		for _, f := range p.Syntax {
			full := m.fset.Position(f.Pos()).Filename
			rel, err := filepath.Rel(m.root, full)
			if err != nil || strings.HasPrefix(rel, "..") {
				continue // the generated main of a test
			}
			rel = filepath.ToSlash(rel)
			s := m.files[rel]
			if s == nil {
				text, err := os.ReadFile(full)
				check(err)
				s = &srcFile{name: rel, text: text, ast: f, dir: path.Dir(rel), test: strings.HasSuffix(f.Name.Name, "_test") && strings.HasSuffix(rel, "_test.go"), pkg: f.Name.Name}
				m.files[rel] = s
				m.split(s)
			}
			s.pkgs = append(s.pkgs, p)
		}
	}
}

func (m *mover) off(p token.Pos) int { return m.fset.Position(p).Offset }

func (m *mover) key(p token.Pos) key {
	if !p.IsValid() {
		return ""
	}
	q := m.fset.Position(p)
	rel, err := filepath.Rel(m.root, q.Filename)
	if err != nil || strings.HasPrefix(rel, "..") {
		return ""
	}
	return key(fmt.Sprintf("%s:%d:%d", filepath.ToSlash(rel), q.Line, q.Column))
}

// split cuts a file into declarations with the comments before them.
func (m *mover) split(s *srcFile) {
	prev := m.off(s.ast.Name.End())
	var list []*decl
	for _, d := range s.ast.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			prev = m.off(g.End())
			continue
		}
		x := &decl{file: s, node: d, start: prev, end: m.off(d.End())}
		// a comment on the last line belongs to the declaration
		if nl := strings.IndexByte(string(s.text[x.end:]), '\n'); nl >= 0 {
			x.end += nl + 1
		} else {
			x.end = len(s.text)
		}
		if nl := strings.IndexByte(string(s.text[x.start:]), '\n'); nl >= 0 && len(list) == 0 {
			x.start += nl + 1
		}
		prev = x.end
		switch d := d.(type) {
		case *ast.FuncDecl:
			x.keys = append(x.keys, m.key(d.Name.Pos()))
			if d.Recv != nil {
				x.recv = recvName(d)
			}
		case *ast.GenDecl:
			for _, sp := range d.Specs {
				switch sp := sp.(type) {
				case *ast.TypeSpec:
					x.keys = append(x.keys, m.key(sp.Name.Pos()))
				case *ast.ValueSpec:
					for _, id := range sp.Names {
						x.keys = append(x.keys, m.key(id.Pos()))
					}
				}
			}
		}
		for _, k := range x.keys {
			m.declOf[k] = x
		}
		list = append(list, x)
		m.decls = append(m.decls, x)
	}
	if len(list) > 0 {
		list[len(list)-1].end = len(s.text)
	}
}

func recvName(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func (m *mover) sortedFiles() []string {
	var names []string
	for n := range m.files {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// importPath of a folder.
func (m *mover) importPath(dir string) string {
	if dir == "." {
		return m.module
	}
	return m.module + "/" + dir
}

func (m *mover) dirOf(importPath string) string {
	importPath = strings.TrimSuffix(importPath, "_test")
	if importPath == m.module {
		return "."
	}
	if rest, ok := strings.CutPrefix(importPath, m.module+"/"); ok {
		return rest
	}
	return ""
}

func objKey(m *mover, o types.Object) key {
	if o == nil {
		return ""
	}
	return m.key(o.Pos())
}
