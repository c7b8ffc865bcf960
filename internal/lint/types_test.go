package lint

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	fail(t, typeSizes(product(everything(t)), largerTypes))
}

func TestReceivers(t *testing.T) {
	t.Parallel()
	fail(t, receivers(everything(t), moreReceivers))
}

// shape is what the budgets of a type are about.
type shape struct {
	methods, fields int
	files           map[string]bool // that have methods
}

// typeSizes wants small types, each in one place.
func typeSizes(files []file, larger map[string]allowance) (broken findings) {
	types := shapes(files)
	for _, name := range slices.Sorted(maps.Keys(types)) {
		s := types[name]
		allowed, excepted := larger[name]
		over := false
		for _, b := range []struct {
			what               string
			is, most, excepted int
		}{
			{"files with methods", len(s.files), maxMethodFiles, allowed.files},
			{"methods", s.methods, maxMethods, allowed.methods},
			{"fields", s.fields, maxFields, allowed.fields},
		} {
			over = over || b.is > b.most
			if most := max(b.most, b.excepted); b.is > most {
				broken.add("%s has %d %s, at most %d are allowed: look for the nouns in it", name, b.is, b.what, most)
			}
		}
		if excepted && !over {
			broken.add("%s is within the budgets: its exception is not needed any more", name)
		}
	}
	broken.stale(larger, func(name string) bool { return types[name] != nil })
	return broken
}

func shapes(files []file) map[string]*shape {
	types := map[string]*shape{}
	of := func(f file, name string) *shape {
		name = f.dir + "." + name
		if types[name] == nil {
			types[name] = &shape{files: map[string]bool{}}
		}
		return types[name]
	}
	for _, f := range files {
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil {
					s := of(f, root(d.Recv.List[0].Type))
					s.methods++
					s.files[f.name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if typ, ok := spec.(*ast.TypeSpec); ok {
						of(f, typ.Name.Name).fields += fields(typ.Type)
					}
				}
			}
		}
	}
	return types
}

func fields(e ast.Expr) (n int) {
	s, ok := e.(*ast.StructType)
	if !ok {
		return 0
	}
	for _, f := range s.Fields.List {
		n += max(1, len(f.Names)) // an embedded one has no name
	}
	return n
}

// receivers wants one name for the receiver of all methods of a type, tests included;
// staticcheck's ST1016 wants it too.
func receivers(files []file, more map[string]allowance) (broken findings) {
	names := map[string]map[string]string{} // by type, to where each name was met first
	for _, f := range files {
		for _, decl := range f.syntax.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Recv == nil || len(d.Recv.List[0].Names) == 0 || d.Recv.List[0].Names[0].Name == "_" {
				continue
			}
			typ := f.dir + "." + root(d.Recv.List[0].Type)
			if strings.HasSuffix(f.syntax.Name.Name, "_test") {
				typ += " of the tests" // another package
			}
			name := d.Recv.List[0].Names[0].Name
			if names[typ] == nil {
				names[typ] = map[string]string{}
			}
			if _, known := names[typ][name]; !known {
				names[typ][name] = f.at(d.Pos())
			}
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(names)) {
		_, excepted := more[typ]
		switch many := len(names[typ]) > 1; {
		case excepted && !many:
			broken.add("the receiver of %s has one name: its exception is not needed any more", typ)
		case many && !excepted:
			broken.add("the receiver of %s has %d names, %s: one is enough", typ, len(names[typ]), slices.Sorted(maps.Values(names[typ])))
		}
	}
	broken.stale(more, func(typ string) bool { return names[typ] != nil })
	return broken
}
