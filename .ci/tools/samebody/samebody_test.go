package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const before = `package shop

import "errors"

// Till adds up.
type Till struct {
	sum   int
	count int
	Name  string ` + "`json:\"name\"`" + `
}

var errEmpty = errors.New("empty")

const (
	low = iota
	high
)

func (t *Till) add(n int) {
	t.sum += n
	t.count++
}

func (t *Till) drop(n int) {
	t.sum -= n
	t.count--
}

func (t *Till) mean() (int, error) {
	if t.count == 0 {
		return 0, errEmpty
	}
	return t.sum / t.count, nil
}

func first(t *Till)  { t.add(1); t.add(2) }
func second(t *Till) { t.drop(3); t.drop(4) }

// Run does both.
func Run(t *Till, more bool) int {
	first(t)
	second(t)
	if more {
		t.add(high)
		return low
	}
	mean, err := t.mean()
	switch x := any(err).(type) {
	case nil:
		return mean
	case interface{ Code() int }:
		return x.Code()
	}
	return 0
}
`

const test = `package shop_test

import (
	"testing"

	"example/shop"
)

func TestRun(t *testing.T) {
	if shop.Run(&shop.Till{Name: "a"}, true) != 0 {
		t.Error("no")
	}
}
`

func treeOf(t *testing.T, files map[string]string) *tree {
	t.Helper()
	top := t.TempDir()
	files["go.mod"] = "module example\n\ngo 1.26\n"
	for name, text := range files {
		at := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := load(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range tree.errors {
		t.Error(err)
	}
	return tree
}

// compared reports the old tree above against another one.
func compared(t *testing.T, files map[string]string) (string, bool) {
	t.Helper()
	old := treeOf(t, map[string]string{"shop/shop.go": before, "shop/shop_test.go": test})
	var b strings.Builder
	differ := newMatch(old, treeOf(t, files)).report(&b, options{mapping: true, diff: true})
	return b.String(), differ
}

func changed(t *testing.T, pairs ...string) map[string]string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(before, pairs[i]) {
			t.Fatalf("%q is not in the tree", pairs[i])
		}
	}
	return map[string]string{"shop/shop.go": strings.NewReplacer(pairs...).Replace(before), "shop/shop_test.go": test}
}

func wants(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(out, line) {
			t.Errorf("%q is missing in\n%s", line, out)
		}
	}
}

func TestSame(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"untouched": changed(t),
		"comments":  changed(t, "// Till adds up.", "// Till is another word.", "\tt.count++", "\t// why\n\n\tt.count++"),
		"layout":    changed(t, "{ t.add(1); t.add(2) }", "{\n\tt.add(1)\n\tt.add(2)\n}", "Run(t *Till, more bool)", "Run(\n\tt *Till,\n\tmore bool,\n)"),
		"renamed": changed(t, "add(", "book(", "drop(", "void(", "sum", "total", "first(", "opening(",
			"errEmpty", "errNothing", "mean, err", "m, err", "return mean", "return m", "x := any", "y := any", "x.Code", "y.Code",
			"low", "least", "(t *Till) mean", "(till *Till) mean", "if t.count == 0", "if till.count == 0",
			"return t.sum / t.count", "return till.total / till.count"),
	} {
		t.Run(name, func(t *testing.T) {
			if out, differ := compared(t, files); differ {
				t.Error(out)
			}
		})
	}
}

func TestRenamedIsListed(t *testing.T) {
	out, _ := compared(t, changed(t, "add(", "book(", "sum", "total"))
	wants(t, out, "renamed or moved: 2\n", "shop.Till.add → shop.Till.book", "shop.Till.sum → shop.Till.total")
}

func TestMovedToAnotherPackage(t *testing.T) {
	till, rest, _ := strings.Cut(before, "func first(")
	till = strings.NewReplacer("package shop", "package till", "add(", "Add(", "drop(", "Drop(", "mean(", "Mean(",
		"low", "Low", "high", "High").Replace(till)
	rest = strings.NewReplacer("*Till", "*till.Till", "t.add(high)", "t.Add(till.High)", ".add(", ".Add(", ".drop(", ".Drop(", ".mean(", ".Mean(",
		"return low", "return till.Low").Replace("func first(" + rest)
	out, differ := compared(t, map[string]string{
		"till/till.go":      till,
		"shop/shop.go":      "package shop\n\nimport \"example/till\"\n\n" + rest,
		"shop/shop_test.go": strings.NewReplacer("&shop.Till", "&till.Till", "\"example/shop\"", "\"example/shop\"\n\t\"example/till\"").Replace(test),
	})
	if differ {
		t.Error(out)
	}
	wants(t, out, "7 in another folder", "shop.Till.add → till.Till.Add", "shop.low → till.Low")
}

func TestReported(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		wants []string
	}{
		"swapped calls": {changed(t, "first(t)\n\tsecond(t)", "second(t)\n\tfirst(t)"), []string{
			"conflicts (one object became two: a swapped or another call, field, type): 2", "shop.first is shop.second here",
		}},
		"another call":   {changed(t, "t.add(high)", "t.drop(high)"), []string{"shop.Till.add is shop.Till.drop here"}},
		"another field":  {changed(t, "t.count == 0", "t.sum == 0"), []string{"shop.Till.count is shop.Till.sum here"}},
		"swapped fields": {changed(t, "sum   int\n\tcount int", "count int\n\tsum   int"), []string{"conflicts"}},
		"swapped bodies": {changed(t, "t.sum += n", "t.sum -= n", "t.sum -= n", "t.sum += n", "t.count++", "t.count--", "t.count--", "t.count++"),
			[]string{"shop.go"}},
		"literal":           {changed(t, "t.add(2)", "t.add(5)"), []string{"changed: 1\n", "- ( $1 , 2", "+ ( $1 , 5"}},
		"text":              {changed(t, `"empty"`, `"nothing"`), []string{"changed: 1\n", `+ = errors.New ( "nothing"`}},
		"operator":          {changed(t, "t.sum / t.count", "t.sum * t.count"), []string{"changed: 1\n"}},
		"lost statement":    {changed(t, "\tt.count--\n", ""), []string{"changed: 1\n"}},
		"order of locals":   {changed(t, "Run(t *Till, more bool) int {\n", "Run(t *Till, more bool) int {\n\tvar a, b int\n\t_, _ = b, a\n"), []string{"changed: 1\n"}},
		"tag":               {changed(t, `json:"name"`, `json:"title"`), []string{"changed: 1\n"}},
		"constants' order":  {changed(t, "low = iota\n\thigh", "high = iota\n\tlow"), []string{"conflicts", "shop.low"}},
		"lost function":     {changed(t, "func second(t *Till) { t.drop(3); t.drop(4) }", "", "\tsecond(t)\n", ""), []string{"only in old: 1\n", "changed: 1\n"}},
		"function more":     {changed(t, "// Run does both.", "func third() int { return 3 }\n\n// Run does both."), []string{"only in new: 1\n"}},
		"foreign call":      {changed(t, `errors.New("empty")`, `errors.Unwrap(errors.New("empty"))`), []string{"changed: 1\n"}},
		"type of parameter": {changed(t, "drop(n int)", "drop(n int8)", "t.sum -= n", "t.sum -= int(n)"), []string{"changed: 1\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, differ := compared(t, c.files)
			if !differ {
				t.Fatal("not reported:\n" + out)
			}
			wants(t, out, c.wants...)
		})
	}
}

func TestMethodBecameFunction(t *testing.T) {
	out, differ := compared(t, changed(t, "func (t *Till) add(n int)", "func add(t *Till, n int)",
		"t.add(1); t.add(2)", "add(t, 1); add(t, 2)", "t.add(high)", "add(t, high)"))
	if differ {
		t.Error(out)
	}
	wants(t, out, "method became function, or back (body the same): 1\n", "shop.Till.add → shop.add")
}

func TestPathChanged(t *testing.T) {
	out, differ := compared(t, changed(t, "sum   int\n\tcount int\n", "sum int\n\tcounted\n",
		"// Run does both.", "type counted struct{ in struct{ count int } }\n\n// Run does both.",
		"t.count", "t.counted.in.count"))
	if !differ {
		t.Error("not reported")
	}
	wants(t, out, "path changed (x.f became x.sub.f, the receiver or the grouping of a literal changed): 3\n", "changed: 1\n", "only in new: 1\n", "conflicts (one object became two: a swapped or another call, field, type): 0\n")
}

func TestParts(t *testing.T) {
	old := treeOf(t, map[string]string{"a/a.go": `package a

type job struct{ name, host, port string }

func newJob() *job { return &job{name: "n", host: "h", port: "p"} }

func (j *job) dial() string { return j.host + j.port }
func run() string           { return newJob().dial() }
`})
	now := treeOf(t, map[string]string{"a/a.go": `package a

import "example/b"

type Address = b.Address

type job struct {
	name string
	to   Address
}

func newJob() *job { return &job{name: "n", to: Address{Host: "h", Port: "p"}} }

func run() string { return newJob().to.Dial() }
`, "b/b.go": `package b

type Address struct{ Host, Port string }

func (a Address) Dial() string { return a.Host + a.Port }
`})
	var b strings.Builder
	newMatch(old, now).report(&b, options{})
	wants(t, b.String(), ": 3\n", "changed: 1\n", "only in old: 0\n", "only in new: 1\n")
}

func TestOtherBuilds(t *testing.T) {
	on, off := "//go:build points\n\npackage shop\n\nfunc hit() { third() }\nfunc third() {}\n", "//go:build !points\n\npackage shop\n\nfunc hit() {}\n"
	files := func(on string) map[string]string {
		files := changed(t)
		files["shop/on.go"], files["shop/off.go"] = on, off
		return files
	}
	old := treeOf(t, files(on))
	var b strings.Builder
	if newMatch(old, treeOf(t, files(strings.ReplaceAll(on, "third", "fourth")))).report(&b, options{}) {
		t.Error(b.String())
	}
	if !newMatch(old, treeOf(t, files(strings.ReplaceAll(on, "{ third() }", "{}")))).report(&b, options{}) {
		t.Error("a change of another build is not reported")
	}
}
