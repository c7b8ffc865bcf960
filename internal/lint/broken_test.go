package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Each check finds what it looks for in a tree that breaks it, and says nothing of one that
// does not.
func TestChecksFindWhatTheyLookFor(t *testing.T) {
	t.Parallel()
	wide := "package a\n\n// T is wide.\ntype T struct { A, B, C, D, E, F, G, H, I, J, K, L, M, N, O int\n p int }\n"
	many := "package a\n\ntype many struct{}\n"
	for i := range maxMethods + 1 {
		many += fmt.Sprintf("func (m many) m%d() {}\n", i)
	}
	spread := map[string]string{"a/t.go": "package a\n\ntype t[K any] struct{}\n"}
	for i := range maxMethodFiles + 1 {
		spread[fmt.Sprintf("a/%d.go", i)] = fmt.Sprintf("package a\n\nfunc (x *t[K]) m%d() {}\n", i)
	}
	crowd := map[string]string{}
	for i := range maxFiles + 1 {
		crowd[fmt.Sprintf("a/%d.go", i)] = "package a\n"
	}
	large := map[string]allowance{"a.T": {fields: 16, why: "a reason"}}
	for name, c := range map[string]struct {
		files map[string]string
		check func([]file) findings
		want  []string
	}{
		"long file":       {map[string]string{"a/a.go": "package a\n" + strings.Repeat("//\n", maxFileLines), "a/b.go": "package a\n", "a/c.go": "package a\n"}, fileSizes, []string{"a/a.go has 401 lines"}},
		"long files":      {map[string]string{"a/a.go": "package a\n" + strings.Repeat("//\n", medianLines)}, fileSizes, []string{"the median file has 121 lines"}},
		"short files":     {map[string]string{"a/a.go": "package a\n"}, fileSizes, nil},
		"long function":   {map[string]string{"a/a.go": "package a\n\nfunc f() {\n" + strings.Repeat("\n", maxFuncLines-1) + "}\n"}, functionSizes, []string{"a/a.go:3: f has 71 lines"}},
		"init":            {map[string]string{"a/a.go": "package a\n\nfunc init() {}\n"}, functionSizes, []string{"a/a.go:3: an init function"}},
		"go statement":    {map[string]string{"a/a.go": "package a\n\nfunc f() { go f() }\n"}, functionSizes, []string{"a/a.go:3: a raw go statement"}},
		"many files":      {crowd, sizesBut(nil), []string{"package a has 26 files, at most 25"}},
		"many, excepted":  {crowd, sizesBut(map[string]allowance{"a": {files: 26, why: "a reason"}}), nil},
		"few, excepted":   {map[string]string{"a/a.go": "package a\n"}, sizesBut(map[string]allowance{"a": {files: 26, why: "a reason"}}), []string{"package a has 1 files: its exception is not needed"}},
		"no reason":       {crowd, sizesBut(map[string]allowance{"a": {files: 26}}), []string{"the exception of a gives no reason"}},
		"wide type":       {map[string]string{"a/a.go": wide}, typesBut(nil), []string{"a.T has 16 fields, at most 15"}},
		"wide, excepted":  {map[string]string{"a/a.go": wide}, typesBut(large), nil},
		"wider still":     {map[string]string{"a/a.go": strings.Replace(wide, "p int", "p, q int", 1)}, typesBut(large), []string{"a.T has 17 fields, at most 16"}},
		"small, excepted": {map[string]string{"a/a.go": "package a\n\n// T is small.\ntype T struct{}\n"}, typesBut(large), []string{"a.T is within the budgets"}},
		"gone, excepted":  {map[string]string{"a/a.go": "package a\n"}, typesBut(large), []string{"there is no a.T"}},
		"many methods":    {map[string]string{"a/a.go": many}, typesBut(nil), []string{"a.many has 21 methods, at most 20"}},
		"spread type":     {spread, typesBut(nil), []string{"a.t has 4 files with methods, at most 3"}},
		"receivers": {map[string]string{
			"a/a.go": "package a\n\ntype t struct{}\n\nfunc (t t) a() {}\nfunc (_ t) c() {}\nfunc (t) d() {}\n", "a/b_test.go": "package a\n\nfunc (x *t) b() {}\n",
			"b/a.go": "package b\n\ntype t struct{}\n\nfunc (t t) a() {}\n", "b/b_test.go": "package b_test\n\ntype t struct{}\n\nfunc (x *t) b() {}\n",
		}, receiversBut(nil), []string{"the receiver of a.t has 2 names, [a/a.go:5 a/b_test.go:3]"}},
		"no comment":      {map[string]string{"a/a.go": "package a\n\nfunc F() {}\n\ntype t int\n\nfunc (t) G() {}\n"}, namesBut(nil), []string{"a/a.go:3: F is exported and has no comment"}},
		"many names":      {map[string]string{"a/a.go": "package a\n\n// Names.\nconst (\n" + numbered("N", maxExported+1) + ")\n"}, namesBut(nil), []string{"package a exports 31 names, at most 30"}},
		"many, allowed":   {map[string]string{"a/a.go": "package a\n\n// Names.\nconst (\n" + numbered("N", maxExported+1) + ")\n"}, namesBut(map[string]int{"a": 31}), nil},
		"large interface": {map[string]string{"a/a.go": "package a\n\ntype i interface { a(); b(); c(); d(); e() }\n\ntype j interface { i; f() }\n"}, interfaces, []string{"interface a.j has 6 methods"}},
		"state": {
			map[string]string{"a/a.go": "package a\n\nvar a int\n\n// b is assigned to.\nvar b = []int{}\n\nvar c = []int{}\n\n// d is a table.\nvar d = []int{}\n\nfunc f() { b = nil }\n"},
			packageState,
			[]string{"a/a.go:3: package-level variable a", "a/a.go:6: package-level variable b is assigned to", "a/a.go:8: the table c has no comment"},
		},
		"sleep": {map[string]string{"a/a_test.go": "package a\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"}, sleeps, []string{"a/a_test.go:5: time.Sleep"}},
	} {
		found := c.check(tree(t, c.files))
		if !slices.EqualFunc(found, c.want, strings.HasPrefix) {
			t.Errorf("%s: found %q, want %q", name, found, c.want)
		}
	}
}

func sizesBut(more map[string]allowance) func([]file) findings {
	return func(files []file) findings { return packageSizes(files, more) }
}

func typesBut(larger map[string]allowance) func([]file) findings {
	return func(files []file) findings { return typeSizes(files, larger) }
}

func receiversBut(more map[string]allowance) func([]file) findings {
	return func(files []file) findings { return receivers(files, more) }
}

func namesBut(more map[string]int) func([]file) findings {
	return func(files []file) findings { return exportedNames(files, more) }
}

func numbered(prefix string, n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "\t%s%d = %d\n", prefix, i, i)
	}
	return lines.String()
}

// The arrows are found wherever they lead up, and depguard's rules follow the layers.
func TestArrowsThatLeadUpAreFound(t *testing.T) {
	t.Parallel()
	house := []layer{
		{name: "cellar", about: "imports nothing of ours", packages: []string{"a", "b"}, apart: true},
		{name: "hall", packages: []string{"c/..."}, on: []string{"cellar"}},
		{name: "roof", packages: []string{"d"}, on: []string{"hall"}},
		{name: "shed", packages: []string{"e"}},
		{name: "garden", packages: []string{"f"}, also: []string{"roof", "shed"}},
	}
	const imports = "package p\n\nimport _ \"humpty/%s\"\n"
	for name, c := range map[string]struct {
		files  map[string]string
		layers []layer
		want   []string
	}{
		"down":           {map[string]string{"d/d.go": fmt.Sprintf(imports, "a"), "c/c.go": fmt.Sprintf(imports, "c/c"), "f/f.go": fmt.Sprintf(imports, "d")}, house, nil},
		"up":             {map[string]string{"a/a.go": fmt.Sprintf(imports, "c/c")}, house, []string{"a/a.go:3: a (cellar) imports c/c (hall)"}},
		"far up":         {map[string]string{"c/c/c.go": fmt.Sprintf(imports, "d")}, house, []string{"c/c/c.go:3: c/c (hall) imports d (roof)"}},
		"aside":          {map[string]string{"d/d.go": fmt.Sprintf(imports, "e")}, house, []string{"d/d.go:3: d (roof) imports e (shed)"}},
		"apart":          {map[string]string{"a/a.go": fmt.Sprintf(imports, "b")}, house, []string{"a/a.go:3: a (cellar) imports b (cellar)"}},
		"beneath a mate": {map[string]string{"f/f.go": fmt.Sprintf(imports, "a")}, house, []string{"f/f.go:3: f (garden) imports a (cellar)"}},
		"of no layer":    {map[string]string{"g/g.go": fmt.Sprintf(imports, "a")}, house, []string{"package g is in 0 layers"}},
		"of two layers":  {nil, append(slices.Clone(house), layer{name: "attic", packages: []string{"d"}}), []string{"package d is in 2 layers [roof attic]"}},
		"no package":     {nil, append(slices.Clone(house), layer{name: "attic", packages: []string{"g"}}), []string{"there is no package g"}},
		"upside down":    {nil, append([]layer{{name: "attic", packages: []string{"g"}, on: []string{"shed"}}}, house...), []string{"layer attic stands on shed", "there is no package g"}},
	} {
		files := map[string]string{"a/x.go": "package p\n", "b/x.go": "package p\n", "c/c/x.go": "package p\n", "d/x.go": "package p\n", "e/x.go": "package p\n", "f/x.go": "package p\n"}
		maps.Copy(files, c.files)
		found := arrows(tree(t, files), c.layers)
		if !slices.EqualFunc(found, c.want, strings.HasPrefix) {
			t.Errorf("%s: found %q, want %q", name, found, c.want)
		}
	}

	const want = `        hall:
          list-mode: lax
          files: ["**/c/*.go", "**/c/**/*.go", "!$test"]
          allow: [
            humpty/c$, humpty/c/,
            humpty/a$, humpty/b$,
          ]
          deny: [{pkg: humpty/, desc: ""}]
`
	text, err := withRules("x\n"+rulesBegin+"old\n"+rulesEnd+"y\n", house[1:2])
	if err != nil || !strings.HasPrefix(text, "x\n"+rulesBegin+"        hall:\n") || !strings.HasSuffix(text, rulesEnd+"y\n") || strings.Contains(text, "old") {
		t.Errorf("%v: %s", err, text)
	}
	if got := house[1].rule(house); got != want {
		t.Errorf("the rule is\n%swant\n%s", got, want)
	}
	if _, err := withRules("x\n", house); err == nil {
		t.Error("the lines for the rules were missing, and nothing was said")
	}
}
