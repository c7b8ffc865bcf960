package lint

import (
	"go/ast"
	"testing"
)

func TestState(t *testing.T) {
	t.Parallel()
	fail(t, packageState(product(everything(t))))
}

func TestNoSleep(t *testing.T) {
	t.Parallel()
	fail(t, sleeps(everything(t)))
}

// packageState wants no variable of a package that can change.
func packageState(files []file) (broken findings) {
	assigned := map[string]map[string]bool{} // directory → names something is assigned to
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
				broken.add("%s: package-level variable %s is assigned to: keep it in a struct", f.at(v.pos), v.name)
			case v.table && v.documented: // a lookup table that says so
			case v.table:
				broken.add("%s: the table %s has no comment", f.at(v.pos), v.name)
			default:
				broken.add("%s: package-level variable %s: keep it in a struct, or make it a constant", f.at(v.pos), v.name)
			}
		}
	}
	return broken
}

// sleeps wants nobody to wait for time instead of the thing itself.
func sleeps(files []file) (broken findings) {
	for _, f := range files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" && root(sel) == "time" {
				broken.add("%s: time.Sleep; wait for the thing itself", f.at(sel.Pos()))
			}
			return true
		})
	}
	return broken
}
