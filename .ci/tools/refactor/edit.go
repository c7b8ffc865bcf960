package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/types"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

type edit struct {
	from, to int
	text     string
}

type piece struct {
	text    string
	imports map[string]string // path → explicit name or ""
	order   int
}

func (m *mover) newDir(d *decl) string { return path.Dir(d.newTo) }

// home is the new folder of a package-level object (or of what a method or field belongs to).
func (m *mover) declAt(k key) *decl {
	return m.declOf[k]
}

func isExtTest(f *srcFile) bool { return f.test }

// nameOf is the package name that a folder will have.
func (m *mover) nameOf(dir string) string {
	if n, ok := m.pkgName[dir]; ok {
		return n
	}
	for _, s := range m.files {
		if s.dir == dir && !s.test {
			return s.pkg
		}
	}
	for _, s := range m.files {
		if s.dir == dir {
			return strings.TrimSuffix(s.pkg, "_test")
		}
	}
	return path.Base(dir)
}

// enclosing finds the declaration at an offset.
func (m *mover) enclosing(s *srcFile, off int) *decl {
	for _, d := range m.byFile(s) {
		if off >= d.start && off < d.end {
			return d
		}
	}
	return nil
}

var byFileCache map[*srcFile][]*decl

func (m *mover) byFile(s *srcFile) []*decl {
	if byFileCache == nil {
		byFileCache = map[*srcFile][]*decl{}
		for _, d := range m.decls {
			byFileCache[d.file] = append(byFileCache[d.file], d)
		}
	}
	return byFileCache[s]
}

// each calls f for every identifier use or definition in every variant.
func (m *mover) each(f func(p *packages.Package, s *srcFile, d *decl, id *ast.Ident, o types.Object, def bool)) {
	for _, name := range m.sortedFiles() {
		s := m.files[name]
		for _, p := range s.pkgs {
			for _, syn := range p.Syntax {
				rel, _ := filepath.Rel(m.root, m.fset.Position(syn.Pos()).Filename)
				if filepath.ToSlash(rel) != name {
					continue
				}
				ast.Inspect(syn, func(n ast.Node) bool {
					id, ok := n.(*ast.Ident)
					if !ok {
						return true
					}
					d := m.enclosing(s, m.off(id.Pos()))
					if o := p.TypesInfo.Uses[id]; o != nil {
						f(p, s, d, id, o, false)
					}
					if o := p.TypesInfo.Defs[id]; o != nil {
						f(p, s, d, id, o, true)
					}
					return true
				})
			}
		}
	}
}

func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Var:
		return o.Origin()
	case *types.Func:
		return o.Origin()
	}
	return o
}

func packageLevel(o types.Object) bool {
	return o.Pkg() != nil && o.Parent() == o.Pkg().Scope()
}

func member(o types.Object) bool {
	switch o := o.(type) {
	case *types.Var:
		return o.IsField()
	case *types.Func:
		return o.Type().(*types.Signature).Recv() != nil
	}
	return false
}

// exports gives upper-case names to what is used across the new packages.
func (m *mover) exports() {
	if !m.moves() {
		return
	}
	for changed := true; changed; {
		changed = false
		m.each(func(p *packages.Package, s *srcFile, d *decl, id *ast.Ident, o types.Object, def bool) {
			o = origin(o)
			k := objKey(m, o)
			if def || d == nil || k == "" || !(packageLevel(o) || member(o)) {
				return
			}
			name := o.Name()
			if n, ok := m.rename[k]; ok {
				name = n
			}
			if ast.IsExported(name) || name == "_" {
				return
			}
			var od *decl
			if packageLevel(o) {
				od = m.declAt(k)
			} else {
				od = m.enclosingKey(k)
			}
			if od == nil {
				return
			}
			if m.newDir(od) == m.newDir(d) && isExtTest(od.file) == isExtTest(d.file) {
				return
			}
			fmt.Printf("export %s.%s (used in %s)\n", m.newDir(od), name, d.newTo)
			changed = true
			if member(o) {
				m.renameAll("export", o, export(name))
			} else {
				m.renameAll("export", o, export(name))
			}
		})
	}
}

func (m *mover) moves() bool {
	for _, d := range m.decls {
		if path.Dir(d.newTo) != d.file.dir {
			return true
		}
	}
	return false
}

// enclosingKey is the declaration that holds a position.
func (m *mover) enclosingKey(k key) *decl {
	parts := strings.Split(string(k), ":")
	s := m.files[parts[0]]
	if s == nil {
		return nil
	}
	line, _ := strconv.Atoi(parts[1])
	col, _ := strconv.Atoi(parts[2])
	off := 0
	for l := 1; l < line; l++ {
		off += bytes.IndexByte(s.text[off:], '\n') + 1
	}
	return m.enclosing(s, off+col-1)
}

func (m *mover) edits() {
	m.fileEdits = map[string][]edit{}
	done := map[string]bool{}
	add := func(s *srcFile, from, to int, text string) {
		k := fmt.Sprintf("%s:%d:%d:%s", s.name, from, to, text)
		if !done[k] {
			done[k] = true
			m.fileEdits[s.name] = append(m.fileEdits[s.name], edit{from, to, text})
		}
	}
	m.uses = map[string]map[int][2]string{} // file → offset → path, name of the qualifier that will stand there
	// selector qualifiers
	for _, name := range m.sortedFiles() {
		s := m.files[name]
		m.uses[name] = map[int][2]string{}
		for _, p := range s.pkgs {
			for _, syn := range p.Syntax {
				rel, _ := filepath.Rel(m.root, m.fset.Position(syn.Pos()).Filename)
				if filepath.ToSlash(rel) != name {
					continue
				}
				m.editFile(s, p, syn, add)
			}
		}
	}
}

func (m *mover) editFile(s *srcFile, p *packages.Package, syn *ast.File, add func(*srcFile, int, int, string)) {
	aliases := map[string]string{} // path → explicit name
	for _, im := range syn.Imports {
		if im.Name != nil {
			q, _ := strconv.Unquote(im.Path.Value)
			aliases[q] = im.Name.Name
		}
	}
	qualified := map[*ast.Ident]*ast.Ident{}
	keyed := map[*ast.Ident]bool{}
	ast.Inspect(syn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				if _, ok := p.TypesInfo.Uses[x].(*types.PkgName); ok {
					qualified[n.Sel] = x
				}
			}
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if id, ok := kv.Key.(*ast.Ident); ok {
						keyed[id] = true
					}
				}
			}
		}
		return true
	})
	ast.Inspect(syn, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		pos := m.off(id.Pos())
		d := m.enclosing(s, pos)
		var o types.Object
		def := false
		if o = p.TypesInfo.Uses[id]; o == nil {
			if o = p.TypesInfo.Defs[id]; o != nil {
				def = true
			}
		}
		if v, ok := p.TypesInfo.Defs[id].(*types.Var); ok && v.Embedded() && p.TypesInfo.Uses[id] != nil {
			o, def = p.TypesInfo.Uses[id], false
		}
		if o == nil {
			if n, ok := m.rename[m.key(id.Pos())]; ok { // the variable of a type switch
				add(s, pos, pos+len(id.Name), n)
			}
			return true
		}
		if pn, ok := o.(*types.PkgName); ok {
			_ = pn
			if d == nil {
				return true
			}
			return true // handled with the selector
		}
		o = origin(o)
		k := objKey(m, o)
		name := id.Name
		if n, ok := m.rename[k]; ok {
			name = n
		}
		if k != "" && name != id.Name {
			m.shadowed(s, p, id, o, name, def)
		}
		q := qualified[id]
		if q == nil && (!packageLevel(o) || k == "" || def || d == nil) {
			if name != id.Name {
				add(s, pos, pos+len(id.Name), name)
			}
			return true
		}
		if d == nil {
			return true
		}
		// package-level object
		var target, alias string
		if od := m.declAt(k); k != "" && od != nil && packageLevel(o) {
			same := m.newDir(od) == m.newDir(d) && isExtTest(od.file) == isExtTest(d.file)
			if same {
				if q != nil {
					add(s, m.off(q.Pos()), pos+len(id.Name), name)
				} else if name != id.Name {
					add(s, pos, pos+len(id.Name), name)
				}
				return true
			}
			target = m.importPath(m.newDir(od))
			if q != nil && m.newDir(od) == od.file.dir || q != nil && m.dirMoves[od.file.dir] == m.newDir(od) {
				alias = aliases[m.importPath(od.file.dir)]
			}
			qn := m.nameOf(m.newDir(od))
			if alias != "" {
				qn = alias
			}
			if q == nil {
				add(s, pos, pos+len(id.Name), qn+"."+name)
				m.qualifierFree(s, p, id, qn, target)
				m.uses[s.name][pos] = [2]string{target, alias}
			} else {
				if q.Name != qn {
					add(s, m.off(q.Pos()), m.off(q.End()), qn)
					m.qualifierFree(s, p, q, qn, target)
				}
				if name != id.Name {
					add(s, pos, pos+len(id.Name), name)
				}
				m.uses[s.name][m.off(q.Pos())] = [2]string{target, alias}
			}
			return true
		}
		if q != nil {
			pn := p.TypesInfo.Uses[q].(*types.PkgName)
			ip := pn.Imported().Path()
			ip = strings.Fields(ip)[0]
			al := aliases[ip]
			m.uses[s.name][m.off(q.Pos())] = [2]string{ip, al}
			if name != id.Name {
				add(s, pos, pos+len(id.Name), name)
			}
		}
		return true
	})
}

// qualifierFree reports a local name that hides the package's name where it is needed.
func (m *mover) qualifierFree(s *srcFile, p *packages.Package, id *ast.Ident, qn, target string) {
	sc := p.Types.Scope().Innermost(id.Pos())
	if sc == nil {
		return
	}
	_, o := sc.LookupParent(qn, id.Pos())
	if o == nil {
		return
	}
	if _, ok := o.(*types.PkgName); ok {
		return
	}
	if n, ok := m.rename[objKey(m, o)]; ok && n != qn {
		return
	}
	if packageLevel(o) { // leaves this package, perhaps
		if od := m.declAt(objKey(m, o)); od != nil {
			if d := m.enclosing(s, m.off(id.Pos())); d != nil && m.newDir(od) != m.newDir(d) {
				return
			}
		}
	}
	if o.Parent() == types.Universe {
		m.problem("%s: package name %s hides the builtin", m.key(id.Pos()), qn)
		return
	}
	m.problem("%s: %s (declared at %s) hides package %s", m.key(id.Pos()), qn, m.key(o.Pos()), target)
}

// shadowed reports a new name that means something else at a use.
func (m *mover) shadowed(s *srcFile, p *packages.Package, id *ast.Ident, o types.Object, name string, def bool) {
	if member(o) {
		return // go build tells
	}
	sc := p.Types.Scope().Innermost(id.Pos())
	if sc == nil {
		sc = p.Types.Scope()
	}
	_, other := sc.LookupParent(name, id.End())
	if !def {
		_, other = sc.LookupParent(name, id.Pos())
	}
	if other == nil || other == o {
		return
	}
	if n, ok := m.rename[objKey(m, other)]; ok && n != name {
		return
	}
	if _, ok := other.(*types.PkgName); ok && def && !packageLevel(o) {
		// fine unless the package is used in this scope: the build tells
		m.pkgShadow(p, s, o, name)
		return
	}
	if other.Parent() == types.Universe {
		return
	}
	if packageLevel(o) && def || !def {
		if packageLevel(other) && packageLevel(o) {
			od, xd := m.declAt(objKey(m, o)), m.declAt(objKey(m, other))
			if od != nil && xd != nil && m.newDir(od) != m.newDir(xd) {
				return
			}
			m.problem("%s: %s is taken by %s", m.key(id.Pos()), name, m.key(other.Pos()))
			return
		}
		if !packageLevel(other) {
			m.problem("%s: %s would mean the local at %s", m.key(id.Pos()), name, m.key(other.Pos()))
			return
		}
	}
	if def && !packageLevel(other) && other.Parent() == o.Parent() {
		m.problem("%s: %s is taken at %s", m.key(id.Pos()), name, m.key(other.Pos()))
	} else if def { // a local hides something: is that used inside?
		m.hides(p, o, other, name)
	} else if packageLevel(other) && !packageLevel(o) {
		return // the local wins, reported at its definition
	}
}

func (m *mover) hides(p *packages.Package, o, other types.Object, name string) {
	if o.Parent() == nil {
		return
	}
	for id, use := range p.TypesInfo.Uses {
		if use == other && o.Parent().Contains(id.Pos()) && id.Pos() > o.Pos() {
			m.problem("%s: %s means %s here and would mean the renamed local at %s", m.key(id.Pos()), name, m.key(other.Pos()), m.key(o.Pos()))
			return
		}
	}
}

func (m *mover) pkgShadow(p *packages.Package, s *srcFile, o types.Object, name string) {
	for id, use := range p.TypesInfo.Uses {
		if pn, ok := use.(*types.PkgName); ok && pn.Name() == name && o.Parent() != nil && o.Parent().Contains(id.Pos()) && id.Pos() > o.Pos() {
			if m.fset.Position(id.Pos()).Filename == m.fset.Position(o.Pos()).Filename {
				m.problem("%s: package %s is used here and would be hidden by the local renamed at %s", m.key(id.Pos()), name, m.key(o.Pos()))
				return
			}
		}
	}
}

func (m *mover) write(dry bool) {
	type outFile struct {
		head   string // up to the package clause, with comments
		pkg    string
		decls  []string
		ims    map[string]string
		blank  []string
		tail   string
		exists bool
	}
	outs := map[string]*outFile{}
	removed := map[string]bool{}
	get := func(name string, from *srcFile) *outFile {
		o := outs[name]
		if o == nil {
			o = &outFile{ims: map[string]string{}}
			dir := path.Dir(name)
			o.pkg = m.nameOf(dir)
			if from.test {
				o.pkg += "_test"
			}
			outs[name] = o
		}
		return o
	}
	commentNames := m.commentRenames()
	touched := map[string]bool{}
	for _, name := range m.sortedFiles() { // files keep their place first, so that moved text is appended
		s := m.files[name]
		to := name
		if n, ok := m.newFile[name]; ok {
			to = n
		}
		ds := m.byFile(s)
		change := to != name || len(m.fileEdits[name]) > 0
		imported := map[string]bool{}
		for _, im := range s.ast.Imports {
			q, _ := strconv.Unquote(im.Path.Value)
			imported[q] = true
		}
		for _, u := range m.uses[name] {
			change = change || !imported[u[0]]
		}
		for _, d := range ds {
			if d.newTo != name {
				change = true
			}
		}
		if change {
			touched[name] = true
			touched[to] = true
			for _, d := range ds {
				touched[d.newTo] = true
			}
		}
	}
	for _, pass := range []int{0, 1} {
		for _, name := range m.sortedFiles() {
			s := m.files[name]
			to := name
			if n, ok := m.newFile[name]; ok {
				to = n
			}
			if (pass == 0) != (to == name) {
				continue
			}
			if !touched[name] && !touched[to] {
				continue
			}
			ds := m.byFile(s)
			keeps := false
			for _, d := range ds {
				if d.newTo == to {
					keeps = true
				}
			}
			if keeps || len(ds) == 0 {
				o := get(to, s)
				head := string(s.text[:m.off(s.ast.Package)])
				if o.head == "" {
					o.head = head
				} else if strings.TrimSpace(head) != "" {
					o.head = strings.TrimRight(o.head, "\n") + "\n" + head
				}
				for _, im := range s.ast.Imports {
					if im.Name != nil && im.Name.Name == "_" {
						o.blank = append(o.blank, im.Path.Value)
					}
				}
			}
			if to != name {
				removed[name] = true
			}
			if !keeps && len(ds) > 0 {
				removed[name] = true
			}
		}
	}
	for _, pass := range []int{0, 1} {
		for _, name := range m.sortedFiles() {
			s := m.files[name]
			for _, d := range m.byFile(s) {
				if !touched[name] && !touched[d.newTo] {
					continue
				}
				if (pass == 0) != (d.newTo == name) {
					continue
				}
				o := get(d.newTo, s)
				o.decls = append(o.decls, m.render(s, d.start, d.end, commentNames))
				for off, u := range m.uses[name] {
					if off >= d.start && off < d.end {
						o.ims[u[0]] = u[1]
					}
				}
			}
		}
	}
	var names []string
	for n := range outs {
		names = append(names, n)
	}
	sort.Strings(names)
	for n := range removed {
		if outs[n] == nil {
			fmt.Println("remove", n)
			if !dry {
				check(os.Remove(filepath.Join(m.root, n)))
			}
		}
	}
	for _, n := range names {
		o := outs[n]
		var b strings.Builder
		b.WriteString(m.headText(o.head, commentNames))
		fmt.Fprintf(&b, "package %s\n\n", o.pkg)
		self := m.importPath(path.Dir(n))
		var std, other []string
		for ip, al := range o.ims {
			if ip == self && !strings.HasSuffix(o.pkg, "_test") {
				continue
			}
			line := strconv.Quote(ip)
			if al != "" {
				line = al + " " + line
			}
			if first := strings.SplitN(ip, "/", 2)[0]; !strings.Contains(first, ".") && first != m.module {
				std = append(std, line)
			} else {
				other = append(other, line)
			}
		}
		for _, bl := range o.blank {
			if first := strings.SplitN(strings.Trim(bl, `"`), "/", 2)[0]; !strings.Contains(first, ".") && first != m.module {
				std = append(std, "_ "+bl)
			} else {
				other = append(other, "_ "+bl)
			}
		}
		byPath := func(l []string) {
			sort.Slice(l, func(i, j int) bool { return l[i][strings.Index(l[i], `"`):] < l[j][strings.Index(l[j], `"`):] })
		}
		byPath(std)
		byPath(other)
		if len(std)+len(other) == 1 {
			fmt.Fprintf(&b, "import %s\n\n", append(std, other...)[0])
		} else if len(std)+len(other) > 0 {
			b.WriteString("import (\n")
			for _, l := range std {
				b.WriteString("\t" + l + "\n")
			}
			if len(std) > 0 && len(other) > 0 {
				b.WriteString("\n")
			}
			for _, l := range other {
				b.WriteString("\t" + l + "\n")
			}
			b.WriteString(")\n\n")
		}
		for i, d := range o.decls {
			d = strings.Trim(d, "\n")
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(d + "\n")
		}
		text, err := format.Source([]byte(b.String()))
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", n, err)
			text = []byte(b.String())
		}
		full := filepath.Join(m.root, n)
		old, _ := os.ReadFile(full)
		if bytes.Equal(old, text) {
			continue
		}
		fmt.Println("write", n)
		if !dry {
			check(os.MkdirAll(filepath.Dir(full), 0o755))
			check(os.WriteFile(full, text, 0o644))
		}
	}
	if dry {
		return
	}
	for from, to := range m.plain {
		check(os.MkdirAll(filepath.Join(m.root, filepath.Dir(to)), 0o755))
		out, err := exec.Command("git", "-C", m.root, "mv", from, to).CombinedOutput()
		if err != nil {
			check(fmt.Errorf("git mv %s %s: %s", from, to, out))
		}
		fmt.Println("mv", from, to)
	}
	for old := range m.dirMoves {
		os.Remove(filepath.Join(m.root, old)) // only when empty
	}
}

func (m *mover) render(s *srcFile, start, end int, names *commentNames) string {
	es := m.fileEdits[s.name]
	sort.Slice(es, func(i, j int) bool { return es[i].from < es[j].from })
	var b strings.Builder
	at := start
	for _, e := range es {
		if e.from < start || e.to > end {
			continue
		}
		if e.from < at {
			m2 := fmt.Sprintf("overlapping edits in %s at %d: %q", s.name, e.from, e.text)
			fmt.Fprintln(os.Stderr, m2)
			continue
		}
		b.WriteString(names.code(s, at, e.from, string(s.text[at:e.from]), m))
		b.WriteString(e.text)
		at = e.to
	}
	b.WriteString(names.code(s, at, end, string(s.text[at:end]), m))
	return b.String()
}

func (m *mover) headText(head string, names *commentNames) string { return names.replace("", head) }

// commentNames are the replacements in comments.
type commentNames struct {
	m     *mover
	links map[string]map[string]string // dir → [Old] → [New]
	first map[string]map[string]string // dir → first word of a doc
	re    *regexp.Regexp
}

var link = regexp.MustCompile(`\[[A-Za-z_][\w.]*\]`)

func (m *mover) commentRenames() *commentNames {
	c := &commentNames{m: m, links: map[string]map[string]string{}, first: map[string]map[string]string{}}
	put := func(dir, old, new string) {
		if c.links[dir] == nil {
			c.links[dir] = map[string]string{}
		}
		c.links[dir][old] = new
	}
	for k, n := range m.rename {
		d := m.enclosingKey(k)
		if d == nil {
			continue
		}
		old := m.oldName[k]
		isTop := false
		for _, x := range d.keys {
			if x == k {
				isTop = true
			}
		}
		if isTop && d.recv == "" {
			put(d.file.dir, old, n)
			put("", d.file.pkg+"."+old, m.nameOf(m.newDir(d))+"."+n)
		} else if isTop {
			put(d.file.dir, d.recv+"."+old, d.recv+"."+n)
		}
	}
	return c
}

func (c *commentNames) replace(dir, text string) string {
	return link.ReplaceAllStringFunc(text, func(s string) string {
		in := s[1 : len(s)-1]
		if n, ok := c.links[dir][in]; ok {
			return "[" + n + "]"
		}
		if n, ok := c.links[""][in]; ok {
			return "[" + n + "]"
		}
		return s
	})
}

// code changes comments in a piece of source that has no edit inside.
func (c *commentNames) code(s *srcFile, from, to int, text string, m *mover) string {
	var b strings.Builder
	at := from
	for _, g := range s.ast.Comments {
		for _, cm := range g.List {
			a, z := m.off(cm.Pos()), m.off(cm.End())
			if a < at || z > to {
				continue
			}
			b.Write(s.text[at:a])
			t := c.replace(s.dir, string(s.text[a:z]))
			if cm == g.List[0] {
				t = c.docWord(s, g, t, m)
			}
			b.WriteString(t)
			at = z
		}
	}
	b.Write(s.text[at:to])
	return b.String()
}

// docWord renames the first word of a doc comment.
func (c *commentNames) docWord(s *srcFile, g *ast.CommentGroup, t string, m *mover) string {
	if !strings.HasPrefix(t, "// ") {
		return t
	}
	word := t[3:]
	if i := strings.IndexAny(word, " ,.:;"); i >= 0 {
		word = word[:i]
	}
	if word == "" {
		return t
	}
	docs := c.docs(s, m)
	if k, ok := docs[g]; ok {
		if n, ok := m.rename[k]; ok && m.oldName[k] == word {
			return "// " + n + t[3+len(word):]
		}
	}
	return t
}

var docCache = map[*srcFile]map[*ast.CommentGroup]key{}

func (c *commentNames) docs(s *srcFile, m *mover) map[*ast.CommentGroup]key {
	if d, ok := docCache[s]; ok {
		return d
	}
	out := map[*ast.CommentGroup]key{}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			out[n.Doc] = m.key(n.Name.Pos())
		case *ast.GenDecl:
			if len(n.Specs) == 1 {
				switch sp := n.Specs[0].(type) {
				case *ast.TypeSpec:
					out[n.Doc] = m.key(sp.Name.Pos())
				case *ast.ValueSpec:
					out[n.Doc] = m.key(sp.Names[0].Pos())
				}
			}
		case *ast.TypeSpec:
			out[n.Doc] = m.key(n.Name.Pos())
		case *ast.ValueSpec:
			out[n.Doc] = m.key(n.Names[0].Pos())
		case *ast.Field:
			if len(n.Names) > 0 {
				out[n.Doc] = m.key(n.Names[0].Pos())
			}
		}
		return true
	})
	delete(out, nil)
	docCache[s] = out
	return out
}
