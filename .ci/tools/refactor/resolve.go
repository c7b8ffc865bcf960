package main

import (
	"go/ast"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"golang.org/x/tools/go/packages"
)

// splitRef cuts DIR.Name[.Member].
func splitRef(ref string) (dir string, parts []string) {
	i := strings.LastIndex(ref, "/")
	j := strings.Index(ref[i+1:], ".")
	if j < 0 {
		return ref, nil
	}
	return ref[:i+1+j], strings.Split(ref[i+1+j+1:], ".")
}

func (m *mover) packagesIn(dir string) []*packages.Package {
	var out []*packages.Package
	for _, p := range m.pkgs {
		if m.dirOf(strings.Fields(p.PkgPath)[0]) == dir && p.Types != nil && !strings.HasSuffix(p.ID, ".test") {
			out = append(out, p)
		}
	}
	return out
}

func (m *mover) find(at, ref string) []types.Object {
	dir, parts := splitRef(ref)
	var out []types.Object
	seen := map[key]bool{}
	for _, p := range m.packagesIn(dir) {
		if len(parts) == 0 {
			continue
		}
		o := p.Types.Scope().Lookup(parts[0])
		if o == nil {
			continue
		}
		if len(parts) == 2 {
			t := o.Type()
			var found types.Object
			if n, ok := t.(*types.Named); ok {
				for i := range n.NumMethods() {
					if n.Method(i).Name() == parts[1] {
						found = n.Method(i)
					}
				}
			}
			if found == nil {
				switch u := t.Underlying().(type) {
				case *types.Struct:
					for i := range u.NumFields() {
						if u.Field(i).Name() == parts[1] {
							found = u.Field(i)
						}
					}
				case *types.Interface:
					for i := range u.NumExplicitMethods() {
						if u.ExplicitMethod(i).Name() == parts[1] {
							found = u.ExplicitMethod(i)
						}
					}
				}
			}
			o = found
		}
		if o == nil || seen[objKey(m, o)] {
			continue
		}
		seen[objKey(m, o)] = true
		out = append(out, o)
	}
	if len(out) == 0 {
		m.problem("%s: no %s", at, ref)
	}
	return out
}

func (m *mover) setRename(at string, o types.Object, name string) {
	k := objKey(m, o)
	if k == "" {
		m.problem("%s: %s is not of this module", at, o)
		return
	}
	if old, ok := m.rename[k]; ok && old != name {
		m.problem("%s: %s is renamed twice: %s, %s", at, o.Name(), old, name)
	}
	m.rename[k] = name
	m.oldName[k] = o.Name()
}

func (m *mover) resolve() {
	for _, o := range m.ops {
		a := o.args
		switch o.verb {
		case "rename":
			for _, obj := range m.find(o.at, a[0]) {
				m.renameAll(o.at, obj, a[1])
			}
		case "local", "locals":
			m.locals(o.at, o.verb == "locals", a[0], a[1], a[2])
		case "receiver":
			m.receiver(o.at, a[0], a[1])
		case "package":
			m.dirMoves[a[0]] = a[1]
			n := path.Base(a[1])
			if len(a) == 3 {
				n = a[2]
			}
			m.pkgName[a[1]] = n
			m.moveDir(o.at, a[0], a[1])
		case "file":
			f := m.files[a[0]]
			if f == nil {
				m.problem("%s: no file %s", o.at, a[0])
				continue
			}
			m.newFile[a[0]] = a[1]
			for _, d := range m.decls {
				if d.file == f {
					d.newTo = a[1]
				}
			}
		case "name":
			m.pkgName[a[0]] = a[1]
		}
	}
	for _, o := range m.ops { // after whole files: single declarations win
		a := o.args
		switch o.verb {
		case "decl", "type":
			for _, obj := range m.find(o.at, a[0]) {
				d := m.declOf[objKey(m, obj)]
				if d == nil {
					m.problem("%s: %s is no declaration of its own", o.at, a[0])
					continue
				}
				d.newTo = a[1]
				if o.verb == "type" {
					for _, x := range m.decls {
						if x.recv == obj.Name() && x.file.dir == d.file.dir && x.file.pkg == d.file.pkg {
							x.newTo = a[1]
						}
					}
				}
			}
		}
	}
	for _, d := range m.decls {
		if d.newTo == "" {
			d.newTo = d.file.name
			if n, ok := m.newFile[d.file.name]; ok {
				d.newTo = n
			}
		}
	}
	for _, d := range m.decls { // a method goes with its type
		if d.recv == "" {
			continue
		}
		for _, x := range m.decls {
			if g, ok := x.node.(*ast.GenDecl); ok && x.file.dir == d.file.dir && x.file.pkg == d.file.pkg {
				for _, sp := range g.Specs {
					if ts, ok := sp.(*ast.TypeSpec); ok && ts.Name.Name == d.recv && path.Dir(x.newTo) != path.Dir(d.newTo) {
						m.problem("%s goes to %s, its method %s to %s", d.recv, path.Dir(x.newTo), d.node.(*ast.FuncDecl).Name.Name, path.Dir(d.newTo))
					}
				}
			}
		}
	}
}

func (m *mover) moveDir(at, old, new string) {
	entries, err := os.ReadDir(filepath.Join(m.root, old))
	if err != nil {
		m.problem("%s: %v", at, err)
		return
	}
	for _, e := range entries {
		from, to := path.Join(old, e.Name()), path.Join(new, e.Name())
		if f := m.files[from]; f != nil {
			m.newFile[from] = to
			for _, d := range m.decls {
				if d.file == f {
					d.newTo = to
				}
			}
			continue
		}
		if e.IsDir() {
			hasGo := false
			filepath.WalkDir(filepath.Join(m.root, from), func(p string, d os.DirEntry, err error) error {
				if err == nil && strings.HasSuffix(p, ".go") && !strings.Contains(p, "testdata") {
					hasGo = true
				}
				return nil
			})
			if hasGo {
				continue // a package of its own
			}
		}
		m.plain[from] = to
	}
}

// renameAll renames an object and what must keep its name: embedded fields of a type,
// interface methods and their implementations.
func (m *mover) renameAll(at string, o types.Object, name string) {
	m.setRename(at, o, name)
	if _, ok := o.(*types.TypeName); ok {
		k := objKey(m, o)
		for _, p := range m.pkgs {
			for id, def := range p.TypesInfo.Defs {
				if v, ok := def.(*types.Var); ok && v.Embedded() {
					if use := p.TypesInfo.Uses[id]; use != nil && objKey(m, use) == k {
						m.setRename(at, v, name)
					}
				}
			}
		}
		return
	}
	f, ok := o.(*types.Func)
	if !ok || f.Type().(*types.Signature).Recv() == nil {
		return
	}
	m.family(at, f, name)
}

type method struct {
	t types.Type
	o types.Object
}

// family renames all methods tied to f by an interface.
func (m *mover) family(at string, f *types.Func, name string) {
	links := map[key]map[key]bool{}
	objs := map[key]types.Object{}
	link := func(a, b types.Object) {
		ka, kb := objKey(m, a), objKey(m, b)
		if ka == kb {
			return
		}
		objs[ka], objs[kb] = a, b
		for _, p := range [][2]key{{ka, kb}, {kb, ka}} {
			if links[p[0]] == nil {
				links[p[0]] = map[key]bool{}
			}
			links[p[0]][p[1]] = true
		}
	}
	for _, v := range m.universes() {
		var ifaces []*types.Interface
		var concrete []types.Type
		for _, t := range v {
			if i, ok := t.Underlying().(*types.Interface); ok {
				for j := range i.NumMethods() {
					if i.Method(j).Name() == f.Name() {
						ifaces = append(ifaces, i)
					}
				}
				continue
			}
			ms := types.NewMethodSet(types.NewPointer(t))
			for j := range ms.Len() {
				if ms.At(j).Obj().Name() == f.Name() {
					concrete = append(concrete, t)
				}
			}
		}
		for _, i := range ifaces {
			var im types.Object
			for j := range i.NumMethods() {
				if i.Method(j).Name() == f.Name() {
					im = i.Method(j)
				}
			}
			for _, t := range concrete {
				pt := types.NewPointer(t)
				if !types.Implements(pt, i) {
					continue
				}
				ms := types.NewMethodSet(pt)
				for j := range ms.Len() {
					if ms.At(j).Obj().Name() == f.Name() {
						link(im, ms.At(j).Obj())
					}
				}
			}
			for _, j := range ifaces { // an interface that satisfies another
				if i != j && types.Implements(i, j) {
					for x := range j.NumMethods() {
						if j.Method(x).Name() == f.Name() {
							link(im, j.Method(x))
						}
					}
				}
			}
		}
	}
	seen := map[key]bool{}
	var walk func(k key)
	walk = func(k key) {
		if seen[k] {
			return
		}
		seen[k] = true
		if o := objs[k]; o != nil {
			if k == "" {
				m.problem("%s: %s belongs to an interface of another module (%s)", at, f.Name(), o.Pkg())
			} else {
				m.setRename(at, o, name)
			}
		}
		for n := range links[k] {
			walk(n)
		}
	}
	walk(objKey(m, f))
}

var universeCache [][]types.Type

// universes lists, for each package variant, the named types and interfaces it can see.
func (m *mover) universes() [][]types.Type {
	if universeCache != nil {
		return universeCache
	}
	for _, p := range m.pkgs {
		if p.Types == nil {
			continue
		}
		var list []types.Type
		seen := map[*types.Package]bool{}
		var visit func(q *types.Package)
		visit = func(q *types.Package) {
			if seen[q] || m.dirOf(strings.Fields(q.Path())[0]) == "" && q.Path() != "io" {
				return
			}
			seen[q] = true
			for _, n := range q.Scope().Names() {
				if tn, ok := q.Scope().Lookup(n).(*types.TypeName); ok && !tn.IsAlias() {
					if nt, ok := tn.Type().(*types.Named); ok && nt.TypeParams().Len() > 0 {
						continue
					}
					list = append(list, tn.Type())
				}
			}
			for _, i := range q.Imports() {
				visit(i)
			}
		}
		visit(p.Types)
		for e, tv := range p.TypesInfo.Types { // interfaces without a name, local types
			if _, ok := e.(*ast.InterfaceType); ok {
				list = append(list, tv.Type)
			}
		}
		for _, o := range p.TypesInfo.Defs {
			if tn, ok := o.(*types.TypeName); ok && tn.Parent() != p.Types.Scope() && !tn.IsAlias() {
				if nt, ok := tn.Type().(*types.Named); ok && nt.TypeParams().Len() == 0 {
					list = append(list, nt)
				}
			}
		}
		universeCache = append(universeCache, list)
	}
	return universeCache
}

func (m *mover) locals(at string, whole bool, ref, old, new string) {
	dir, parts := splitRef(ref)
	if whole {
		dir = ref
	}
	found := false
	for _, s := range m.files {
		if s.dir != dir {
			continue
		}
		for _, p := range s.pkgs {
			for _, f := range p.Syntax {
				if rel, _ := filepath.Rel(m.root, m.fset.Position(f.Pos()).Filename); filepath.ToSlash(rel) != s.name {
					continue
				}
				for _, d := range f.Decls {
					fd, isFunc := d.(*ast.FuncDecl)
					if !whole && (!isFunc || fd.Name.Name != parts[len(parts)-1] || (len(parts) == 2) != (fd.Recv != nil) || len(parts) == 2 && recvName(fd) != parts[0]) {
						continue
					}
					ast.Inspect(d, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok && id.Name == old {
							if o := p.TypesInfo.Defs[id]; o != nil && o.Parent() != p.Types.Scope() {
								if v, ok := o.(*types.Var); ok && v.IsField() {
									return true
								}
								if fn, ok := o.(*types.Func); ok && fn != nil {
									return true
								}
								found = true
								m.setRename(at, o, new)
							}
						}
						if ts, ok := n.(*ast.TypeSwitchStmt); ok {
							if as, ok := ts.Assign.(*ast.AssignStmt); ok {
								if id, ok := as.Lhs[0].(*ast.Ident); ok && id.Name == old {
									k := m.key(id.Pos())
									m.rename[k], m.oldName[k] = new, old
									found = true
								}
							}
						}
						return true
					})
				}
			}
		}
	}
	if !found {
		m.problem("%s: no local %s in %s", at, old, ref)
	}
}

func (m *mover) receiver(at, ref, name string) {
	dir, parts := splitRef(ref)
	for _, s := range m.files {
		if s.dir != dir {
			continue
		}
		for _, d := range s.ast.Decls {
			fd, ok := d.(*ast.FuncDecl)
			if !ok || fd.Recv == nil || len(parts) == 0 || recvName(fd) != parts[0] || len(fd.Recv.List[0].Names) == 0 {
				continue
			}
			id := fd.Recv.List[0].Names[0]
			if id.Name != name && id.Name != "_" {
				k := m.key(id.Pos())
				m.rename[k], m.oldName[k] = name, id.Name
			}
		}
	}
}

func export(s string) string {
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
