// Command refactor renames and moves Go declarations by type information.
package main

import (
	"flag"
	"fmt"
	"os"
)

const manual = `refactor [-n] [-tags T] [-C DIR] PLAN...: type-safe renames and moves in one step over the whole module
(tests and build tags included). All lines of all plans apply to the tree as it is before (they do not see
each other's effect: name everything by its PRESENT name and PRESENT folder). Run "go build ./... && go vet" after.
Plan lines (# comments):
  rename DIR.Name New                 package-level func, type, var, const
  rename DIR.Type.Member New          field or method; interface and implementations are renamed together
  local  DIR.Func old new             local variables, params, results named old in that function
  local  DIR.Type.Method old new      ... in that method
  locals DIR old new                  ... in every function of the folder (tests of the folder too)
  receiver DIR.Type r                 the receiver's name of all methods
  package OLDDIR NEWDIR [name]        move a whole folder (everything in it, testdata too; not sub-folders)
  file   DIR/a.go NEWDIR/b.go         move a file to another folder or name; appended where b.go exists
  decl   DIR.Name NEWDIR/b.go         move one package-level declaration (not its methods)
  decl   DIR.Type.Method NEWDIR/b.go  move one method
  type   DIR.Type NEWDIR/b.go         move a type with all its methods
  name   DIR pkgname                  package name of a folder that a move creates (default: its base)
DIR is relative to the module (projector, sources/postgres). For tests in package foo_test, Name is looked up too.
What becomes used from another package is exported by itself (printed). -n: say what would be done, write nothing.
Conflicts (a name that is already taken or shadowed at a use) are all printed and nothing is written.
Comments: [Name], [pkg.Name] and the first word of a doc comment follow; other prose does not.`

func main() {
	dry := flag.Bool("n", false, "")
	dir := flag.String("C", ".", "")
	force := flag.Bool("f", false, "write in spite of conflicts")
	flag.Usage = func() { fmt.Println(manual) }
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Println(manual)
		os.Exit(2)
	}
	m := newMover(*dir)
	for _, f := range flag.Args() {
		text, err := os.ReadFile(f)
		check(err)
		m.readPlan(f, string(text))
	}
	m.load()
	m.resolve()
	m.exports()
	m.edits()
	if len(m.problems) > 0 {
		for _, p := range m.problems {
			fmt.Fprintln(os.Stderr, p)
		}
		fmt.Fprintf(os.Stderr, "%d conflicts", len(m.problems))
		if !*force {
			fmt.Fprintln(os.Stderr, "; nothing written")
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, "; written all the same (-f)")
	}
	m.write(*dry)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "refactor:", err)
		os.Exit(1)
	}
}
