package crashpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every point that is listed is one place in the source, and the other way round.
func TestPointsAreThoseOfTheSource(t *testing.T) {
	t.Parallel()
	var found []string
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if name := point(t, call); name != "" {
					found = append(found, name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(Points()))
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, want) { // a point may be in two places that do the same
		t.Errorf("the source has\n%q\nthe list\n%q", found, want)
	}
}

func point(t *testing.T, call *ast.CallExpr) string {
	t.Helper()
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "At" || len(call.Args) != 1 {
		return ""
	}
	if of, ok := s.X.(*ast.Ident); !ok || of.Name != "crashpoint" {
		return ""
	}
	text, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		t.Fatal("a point must be named by a text, not computed")
	}
	name, err := strconv.Unquote(text.Value)
	if err != nil {
		t.Fatal(err)
	}
	return name
}
