package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/build/constraint"
	"go/importer"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// tree is one module, read and type-checked. Only its own packages are checked from
// source; all others come from export data, so that a tree that does not build loads, too.
type tree struct {
	top, module string
	set         *token.FileSet
	dirs        map[string]*dir // by path below top
	foreign     types.Importer
	units       []*unit
	owners      map[string]string // key of an object → its full name
	errors      []error
}

type dir struct {
	name    string
	files   []*file
	checked *types.Package // without its tests
	tested  *types.Package // with its tests inside the package
	busy    bool
}

type file struct {
	name   string // below top
	dir    string
	syntax *ast.File
	tokens []lexeme
	test   bool
	tags   []string // what must be set for the file to be built; nil: nothing
	other  bool     // built for another system only
}

type lexeme struct {
	pos  token.Pos
	text string
}

func load(top string) (*tree, error) {
	top, err := filepath.Abs(top)
	if err != nil {
		return nil, err
	}
	t := &tree{top: top, set: token.NewFileSet(), dirs: map[string]*dir{}, owners: map[string]string{}}
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Sscanf(string(mod), "module %s", &t.module); err != nil {
		return nil, fmt.Errorf("%s/go.mod: %w", top, err)
	}
	if err := t.parse(); err != nil {
		return nil, err
	}
	if t.foreign, err = t.exports(); err != nil {
		return nil, err
	}
	for _, name := range sorted(t.dirs) {
		t.check(t.dirs[name])
	}
	t.forward()
	slices.SortFunc(t.units, func(a, b *unit) int {
		return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line), strings.Compare(a.name, b.name))
	})
	return t, nil
}

// forward takes a name that only stands for another one of the module, type A = b.A or
// const A = b.A, for that one.
func (t *tree) forward() {
	to := map[string]string{}
	t.units = slices.DeleteFunc(t.units, func(u *unit) bool {
		var keys []tok
		for _, x := range u.exact {
			if x.key != "" {
				keys = append(keys, x)
			}
		}
		alone := u.kind == "type" && len(u.exact) == 4 || u.kind == "const" && len(u.exact) == 5
		if !alone || len(keys) != 2 || keys[0].text != keys[1].text || !slices.ContainsFunc(u.exact, func(x tok) bool { return x.text == "=" }) {
			return false
		}
		to[keys[0].key] = keys[1].key
		return true
	})
	replace := func(all []tok) {
		for i := range all {
			for next := to[all[i].key]; next != ""; next = to[next] {
				all[i].key = next
			}
		}
	}
	for _, u := range t.units {
		replace(u.exact)
		replace(u.short)
	}
}

func (t *tree) parse() error {
	return filepath.WalkDir(t.top, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"
			if at != t.top && hidden {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(at) != ".go" {
			return nil
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(t.top, at)
		if err != nil {
			return err
		}
		f := &file{name: filepath.ToSlash(rel), test: strings.HasSuffix(at, "_test.go")}
		f.dir = path.Dir(f.name)
		if f.syntax, err = parser.ParseFile(t.set, f.name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
		f.tokens = scan(t.set.File(f.syntax.Package), text)
		f.constrain(filepath.Dir(at), filepath.Base(at))
		if t.dirs[f.dir] == nil {
			t.dirs[f.dir] = &dir{name: f.dir}
		}
		t.dirs[f.dir].files = append(t.dirs[f.dir].files, f)
		return nil
	})
}

// scan reads all tokens but comments, at the positions that the parser gave them.
func scan(at *token.File, text []byte) []lexeme {
	own := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(own, text, nil, 0)
	var all []lexeme
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return all
		}
		l := lexeme{at.Pos(own.Offset(pos)), tok.String()}
		if tok.IsLiteral() {
			l.text = lit
		}
		all = append(all, l)
	}
}

// constrain finds out what a file that is not built by default needs.
func (f *file) constrain(folder, name string) {
	if ok, err := build.Default.MatchFile(folder, name); err != nil || ok {
		return
	}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if !constraint.IsGoBuild(c.Text) {
				continue
			}
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				continue
			}
			var names []string
			expr.Eval(func(tag string) bool { names = append(names, tag); return true })
			for _, tag := range names {
				context := build.Default
				context.BuildTags = []string{tag}
				if ok, err := context.MatchFile(folder, name); err == nil && ok {
					f.tags = []string{tag}
					return
				}
			}
		}
	}
	f.other = true
}

// builtWith reports whether a file belongs to a build with exactly these tags.
func (f *file) builtWith(top string, tags []string, other bool) bool {
	context := build.Default
	context.BuildTags = tags
	if other {
		context.GOOS = "windows"
		if runtime.GOOS == "windows" {
			context.GOOS = "linux"
		}
	}
	ok, err := context.MatchFile(filepath.Join(top, filepath.FromSlash(f.dir)), path.Base(f.name))
	return err == nil && ok
}

// exports asks the go command for the export data of every package of others.
func (t *tree) exports() (types.Importer, error) {
	foreign := map[string]bool{}
	for _, d := range t.dirs {
		for _, f := range d.files {
			if f.other {
				continue
			}
			for _, s := range f.syntax.Imports {
				name, err := strconv.Unquote(s.Path.Value)
				if err == nil && !t.ours(name) && name != "unsafe" && name != "C" {
					foreign[name] = true
				}
			}
		}
	}
	found := map[string]string{}
	if len(foreign) > 0 {
		args := append([]string{"list", "-e", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, sorted(foreign)...)
		cmd := exec.Command("go", args...)
		cmd.Dir = t.top
		cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off")
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w: %s", err, complaint.String())
		}
		for line := range strings.Lines(string(out)) {
			name, at, _ := strings.Cut(strings.TrimSpace(line), "\t")
			found[name] = at
		}
	}
	lookup := func(name string) (io.ReadCloser, error) {
		if found[name] == "" {
			return nil, fmt.Errorf("no export data of %s", name)
		}
		return os.Open(found[name])
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", lookup), nil
}

func (t *tree) ours(importPath string) bool {
	return importPath == t.module || strings.HasPrefix(importPath, t.module+"/")
}

// importing finds packages of the module by checking them; test is the folder whose
// variant with tests is meant, as for an external test package.
type importing struct {
	t    *tree
	test *dir
	own  map[*dir]*types.Package // what imports test, checked with its variant
}

func (i importing) Import(name string) (*types.Package, error) {
	if name == "unsafe" {
		return types.Unsafe, nil
	}
	if !i.t.ours(name) {
		return i.t.foreign.Import(name)
	}
	d := i.t.dirs[i.t.below(name)]
	if d == nil {
		return nil, fmt.Errorf("no package %s", name)
	}
	if d == i.test && d.tested != nil {
		return d.tested, nil
	}
	if d.busy {
		return nil, fmt.Errorf("%s imports itself", name)
	}
	if i.test != nil && i.test.tested != nil && i.t.reaches(d, i.test, map[*dir]bool{}) {
		if i.own[d] == nil {
			code := selected(d.files, func(f *file) bool { return !f.test && f.tags == nil && !f.other })
			i.own[d] = i.t.types(d, code, i, func(*file) bool { return false })
		}
		return i.own[d], nil
	}
	i.t.checkCode(d)
	return d.checked, nil
}

// reaches reports that the code of one folder imports another, directly or not.
func (t *tree) reaches(d, to *dir, seen map[*dir]bool) bool {
	if d == to {
		return true
	}
	if seen[d] {
		return false
	}
	seen[d] = true
	for _, f := range d.files {
		if f.test {
			continue
		}
		for _, s := range f.syntax.Imports {
			name, _ := strconv.Unquote(s.Path.Value)
			if next := t.dirs[t.below(name)]; t.ours(name) && next != nil && t.reaches(next, to, seen) {
				return true
			}
		}
	}
	return false
}

func (t *tree) below(importPath string) string {
	return cmp.Or(strings.TrimPrefix(strings.TrimPrefix(importPath, t.module), "/"), ".")
}

// check does one folder: its code, its tests, its external tests, and files of other builds.
func (t *tree) check(d *dir) {
	t.checkCode(d)
	normal := func(f *file) bool { return f.tags == nil && !f.other }
	inside := func(f *file) bool { return !strings.HasSuffix(f.syntax.Name.Name, "_test") }
	t.checkTests(d, normal, inside)
	done := map[string]bool{}
	for _, f := range d.files {
		id := fmt.Sprint(f.tags, f.other)
		if normal(f) || done[id] {
			continue
		}
		done[id] = true
		tags, other := f.tags, f.other
		built := func(f *file) bool { return f.builtWith(t.top, tags, other) }
		code := selected(d.files, func(f *file) bool { return !f.test && built(f) })
		t.types(d, code, importing{t: t}, func(f *file) bool { return !normal(f) })
		d.tested = nil
		t.checkTests(d, built, inside)
	}
}

func (t *tree) checkCode(d *dir) {
	if d.checked != nil {
		return
	}
	d.busy = true
	code := selected(d.files, func(f *file) bool { return !f.test && f.tags == nil && !f.other })
	d.checked = t.types(d, code, importing{t: t}, func(*file) bool { return true })
	d.busy = false
}

// checkTests takes units of test files, and of each file once only.
func (t *tree) checkTests(d *dir, built, inside func(*file) bool) {
	any := selected(d.files, func(f *file) bool { return f.test && built(f) })
	if len(any) == 0 {
		return
	}
	within := selected(d.files, func(f *file) bool { return built(f) && (!f.test || inside(f)) })
	if len(selected(within, func(f *file) bool { return f.test })) > 0 {
		d.tested = t.types(d, within, importing{t: t}, func(f *file) bool { return f.test })
	}
	outside := selected(any, func(f *file) bool { return !inside(f) })
	if len(outside) > 0 {
		t.types(d, outside, importing{t, d, map[*dir]*types.Package{}}, func(*file) bool { return true })
	}
}

func selected(files []*file, keep func(*file) bool) []*file {
	var some []*file
	for _, f := range files {
		if keep(f) {
			some = append(some, f)
		}
	}
	return some
}

// types checks files as one package and takes the units of those that are wanted.
func (t *tree) types(d *dir, files []*file, from types.Importer, wanted func(*file) bool) *types.Package {
	info := &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	conf := types.Config{Importer: from, Error: func(err error) { t.errors = append(t.errors, err) }}
	var syntax []*ast.File
	for _, f := range files {
		syntax = append(syntax, f.syntax)
	}
	name := path.Join(t.module, d.name)
	if len(files) > 0 && strings.HasSuffix(files[0].syntax.Name.Name, "_test") {
		name += "_test"
	}
	pkg, _ := conf.Check(name, t.set, syntax, info) // errors are collected; what is resolved counts
	for _, f := range files {
		if wanted(f) && !t.taken(f) {
			t.take(f, info)
		}
	}
	return pkg
}

func (t *tree) taken(f *file) bool {
	return slices.ContainsFunc(t.units, func(u *unit) bool { return u.file == f.name })
}
