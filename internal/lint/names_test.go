package lint

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	fail(t, exportedNames(product(everything(t)), moreExported))
}

func TestInterfaces(t *testing.T) {
	t.Parallel()
	fail(t, interfaces(product(everything(t))))
}

// exportedNames wants few names a package, all of them documented.
func exportedNames(files []file, more map[string]int) (broken findings) {
	exported := map[string]int{}
	for _, f := range files {
		for _, name := range f.names() {
			if !ast.IsExported(name.text) {
				continue
			}
			if !name.method {
				exported[f.dir]++
			}
			if !name.documented && !(name.method && strings.Contains(exemptFromDocs, " "+name.text+" ")) {
				broken.add("%s: %s is exported and has no comment", f.at(name.pos), name.text)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(exported)) {
		if n, limit := exported[dir], max(maxExported, more[dir]); n > limit {
			broken.add("package %s exports %d names, at most %d are allowed", dir, n, limit)
		}
	}
	return broken
}

// interfaces wants small ones.
func interfaces(files []file) (broken findings) {
	type key struct{ dir, name string }
	all := map[key]*ast.InterfaceType{}
	for _, f := range files {
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
			broken.add("interface %s.%s has %d methods, at most %d are allowed", at.dir, at.name, n, maxInterface)
		}
	}
	return broken
}
