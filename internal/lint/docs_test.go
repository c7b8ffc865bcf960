package lint

import (
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the pages in docs name of the code.
var (
	// reference is a place in a file: [`Type.Method`](../dir/file.go).
	reference = regexp.MustCompile("\\[`([A-Za-z_][\\w.]*)`\\]\\(([^)#\\s]+\\.go)\\)")
	// placed is a place in a file with its package behind it: ](../dir/file.go) (dir).
	placed = regexp.MustCompile(`\]\(\.\./([^)#\s]+)/[^/)]+\.go\) \((\w+(?:/\w+)*)\)`)
	// testName is one in backquotes, linked or not.
	testName = regexp.MustCompile("`(Test\\w*)`")
	// link is whatever a link of Markdown leads to.
	link = regexp.MustCompile(`\]\(([^)#\s]+)`)
	// budget is a row of the table of budgets: the constant, and its value.
	budget = regexp.MustCompile("(?m)\\[`(\\w+)`\\]\\(\\.\\./internal/lint/budget_test\\.go\\) \\| (\\d+) \\|")
)

// TestDocsNameWhatExists holds docs/architecture.md against the code: each place in it is
// there, each package of the product is in its table, each budget has its value.
func TestDocsNameWhatExists(t *testing.T) {
	t.Parallel()
	files, text := everything(t), page(t, "architecture.md")
	found, named := danglingReferences("docs", text, files)
	if named < 40 {
		found.add("docs/architecture.md names %d places in the code: a way through it has more", named)
	}
	found = append(found, missingLinks("docs", text)...)
	found = append(found, missingPackages("docs", text, product(files))...)
	found = append(found, wrongBudgets(text)...)
	fail(t, found)
}

// TestGuaranteesAreShown holds docs/guarantees.md against the tests: each that it names is
// there, and each row of its tables names one, or says that it has none.
func TestGuaranteesAreShown(t *testing.T) {
	t.Parallel()
	text := page(t, "guarantees.md")
	found, named := danglingReferences("docs", text, everything(t))
	if named < 60 {
		found.add("docs/guarantees.md names %d tests: its tables have more rows", named)
	}
	found = append(found, missingLinks("docs", text)...)
	found = append(found, unlinkedTests(text)...)
	found = append(found, wrongPackages(text)...)
	found = append(found, rowsWithoutTest(text)...)
	fail(t, found)
}

// TestSecurityNamesWhatExists holds docs/security.md against the tests that it names.
func TestSecurityNamesWhatExists(t *testing.T) {
	t.Parallel()
	text := page(t, "security.md")
	found, named := danglingReferences("docs", text, everything(t))
	if named < 3 {
		found.add("docs/security.md names %d tests", named)
	}
	found = append(found, missingLinks("docs", text)...)
	found = append(found, unlinkedTests(text)...)
	fail(t, found)
}

func TestRowsWithoutTestAreFound(t *testing.T) {
	t.Parallel()
	text := "| what | now | shown by |\n|---|---|---|\n| a | b | [`TestA`](../a/a_test.go) |\n| c | d | no test |\n" +
		"| e | f |  |\n| g | h | `TestH` |\n| no test | i | [`helper`](../a/a_test.go) |\n\n| what | else |\n|---|---|\n| j | k |\n"
	if found := rowsWithoutTest(text); len(found) != 3 {
		t.Errorf("rows without a test: %q, want 3", found)
	}
	if found := unlinkedTests(text); len(found) != 1 {
		t.Errorf("tests without a link: %q, want 1", found)
	}
	if found := wrongPackages("[`TestA`](../a/b/a_test.go) (a/b), [`TestC`](../a/c_test.go) (a/b)"); len(found) != 1 {
		t.Errorf("wrong packages: %q, want 1", found)
	}
}

func TestDanglingReferencesAreFound(t *testing.T) {
	t.Parallel()
	text := "[`reference`](../internal/lint/docs_test.go) and [`danglingReferences`](../internal/lint/docs_test.go), " +
		"[`file.at`](../internal/lint/tree_test.go); [`nothing`](../internal/lint/docs_test.go), [`file.nothing`](../internal/lint/tree_test.go), " +
		"[`reference`](../internal/lint/absent.go)"
	found, named := danglingReferences("docs", text, everything(t))
	if named != 6 || len(found) != 3 {
		t.Errorf("%d places named, %d of them not there: %q; want 6 and 3", named, len(found), found)
	}
	if found := missingLinks("docs", "[a](../internal/lint), [b](../internal/absent), [c](https://example.org/d)"); len(found) != 1 {
		t.Errorf("missing links: %q, want 1", found)
	}
	files := tree(t, map[string]string{"a/a.go": "package a\n", "b/b.go": "package b\n", "bench/internal/c/c.go": "package c\n"})
	if found := missingPackages("docs", "[`a`](../a)", files); len(found) != 1 {
		t.Errorf("missing packages: %q, want 1", found)
	}
	if found := wrongBudgets("[`maxFiles`](../internal/lint/budget_test.go) | 7 |"); len(found) != len(budgets()) {
		t.Errorf("wrong budgets: %q, want %d", found, len(budgets()))
	}
}

// wrongPackages lists the places in files behind which another package is named.
func wrongPackages(text string) (found findings) {
	for _, m := range placed.FindAllStringSubmatch(text, -1) {
		if m[1] != m[2] {
			found.add("docs: %s is in %s, not in %s", m[0], m[1], m[2])
		}
	}
	return found
}

// page is one in the folder docs.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// danglingReferences lists what a page in the folder dir names and the code does not have, and
// says how many places it names.
func danglingReferences(dir, text string, files []file) (found findings, named int) {
	declared := map[string]map[string]bool{}
	for _, f := range files {
		declared[f.name] = f.declarations()
	}
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		named++
		name, at := m[1], path.Join(dir, m[2])
		switch names, ok := declared[at]; {
		case !ok:
			found.add("docs: %s: there is no file %s", name, at)
		case !names[name]:
			found.add("docs: %s is not declared in %s", name, at)
		}
	}
	return found, named
}

// missingLinks lists the files and folders that a page in the folder dir leads to, and that are
// not there.
func missingLinks(dir, text string) (found findings) {
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		at := path.Join(dir, m[1])
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(at))); err != nil {
			found.add("docs: there is no %s", at)
		}
	}
	return found
}

// unlinkedTests lists the tests that a page names without the file that they are in.
func unlinkedTests(text string) (found findings) {
	for _, m := range testName.FindAllStringSubmatch(reference.ReplaceAllString(text, ""), -1) {
		found.add("docs: %s is named without a link to its file", m[1])
	}
	return found
}

// rowsWithoutTest lists the rows of tables with a last column "shown by" that neither name a test
// there nor say that there is none.
func rowsWithoutTest(text string) (found findings) {
	shown := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		switch {
		case !strings.HasPrefix(line, "|"):
			shown = false
		case last == "shown by":
			shown = true
		case shown && last != "---" && !strings.Contains(last, "no test") && !strings.Contains(last, "[`Test"):
			found.add("docs: the row %q names no test, and does not say that there is none", strings.TrimSpace(cells[0]))
		}
	}
	return found
}

// missingPackages lists the packages that a page in the folder dir has no link to: those of the
// benchmark and of the scenarios go without one.
func missingPackages(dir, text string, files []file) (found findings) {
	linked := map[string]bool{}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		linked[path.Join(dir, m[1])] = true
	}
	dirs := map[string]bool{}
	for _, f := range files {
		if !strings.HasPrefix(f.dir, "bench/internal/") && !strings.HasPrefix(f.dir, "internal/e2e/") {
			dirs[f.dir] = true
		}
	}
	for _, d := range slices.Sorted(maps.Keys(dirs)) {
		if !linked[d] {
			found.add("docs/architecture.md: the table has no package %s: add a row", d)
		}
	}
	return found
}

// wrongBudgets lists the budgets that a page has not, or with another value.
func wrongBudgets(text string) (found findings) {
	said := map[string]string{}
	for _, m := range budget.FindAllStringSubmatch(text, -1) {
		said[m[1]] = m[2]
	}
	for _, name := range slices.Sorted(maps.Keys(budgets())) {
		if is := strconv.Itoa(budgets()[name]); said[name] != is {
			found.add("docs/architecture.md: the budget %s is %s, not %q", name, is, said[name])
		}
	}
	return found
}

func budgets() map[string]int {
	return map[string]int{
		"maxFileLines": maxFileLines, "medianLines": medianLines, "maxFuncLines": maxFuncLines, "maxFiles": maxFiles,
		"maxMethodFiles": maxMethodFiles, "maxMethods": maxMethods, "maxFields": maxFields,
		"maxExported": maxExported, "maxInterface": maxInterface,
	}
}

// declarations are the names that a file declares, methods as Type.Method.
func (f file) declarations() map[string]bool {
	all := map[string]bool{}
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = root(d.Recv.List[0].Type) + "." + name
			}
			all[name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					all[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range s.Names {
						all[id.Name] = true
					}
				}
			}
		}
	}
	return all
}
