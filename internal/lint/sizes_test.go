package lint

import (
	"go/ast"
	"maps"
	"slices"
	"testing"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	fail(t, fileSizes(product(everything(t))))
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	fail(t, functionSizes(product(everything(t))))
}

func TestPackages(t *testing.T) {
	t.Parallel()
	fail(t, packageSizes(product(everything(t)), moreFiles))
}

// fileSizes wants short files, most of them very short.
func fileSizes(files []file) (broken findings) {
	var sizes []int
	for _, f := range files {
		sizes = append(sizes, f.lines)
		if f.lines > maxFileLines {
			broken.add("%s has %d lines, at most %d are allowed: one noun a file", f.name, f.lines, maxFileLines)
		}
	}
	slices.Sort(sizes)
	if median := sizes[len(sizes)/2]; median > medianLines {
		broken.add("the median file has %d lines, at most %d are allowed", median, medianLines)
	}
	return broken
}

// functionSizes wants short functions, no init, and no raw go statement.
func functionSizes(files []file) (broken findings) {
	for _, f := range files {
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFuncLines {
				broken.add("%s: %s has %d lines, at most %d are allowed", f.at(fn.Pos()), fn.Name.Name, n, maxFuncLines)
			}
			if fn.Recv == nil && fn.Name.Name == "init" {
				broken.add("%s: an init function; let main wire it", f.at(fn.Pos()))
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				broken.add("%s: a raw go statement; use an errgroup that somebody waits for", f.at(g.Pos()))
			}
			return true
		})
	}
	return broken
}

// packageSizes wants few files a package.
func packageSizes(files []file, more map[string]allowance) (broken findings) {
	count := map[string]int{}
	for _, f := range files {
		count[f.dir]++
	}
	for _, dir := range slices.Sorted(maps.Keys(count)) {
		allowed, excepted := more[dir]
		switch n := count[dir]; {
		case n > max(maxFiles, allowed.files):
			broken.add("package %s has %d files, at most %d are allowed: a package in it wants out", dir, n, max(maxFiles, allowed.files))
		case excepted && n <= maxFiles:
			broken.add("package %s has %d files: its exception is not needed any more", dir, n)
		}
	}
	broken.stale(more, func(dir string) bool { return count[dir] > 0 })
	return broken
}
