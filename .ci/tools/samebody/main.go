// samebody proves that a move changed nothing but places and names: it compares every
// declaration of two trees and looks for the one mapping of old names to new ones under
// which they are the same.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

const manual = `samebody [-map] [-diff] [-q] [-pkg PREFIX,…] [-v] OLDTREE NEWTREE

Compares functions, methods, types, variables and constants of two modules, tests and files of
other builds included. Comments, layout, package qualifiers and the names of locals do not count;
an object of the module counts as what it became. Exit 0: the same; 1: there is something to
read; 2: it could not be done.
`

func main() {
	var o options
	flag.BoolVar(&o.mapping, "map", false, "print what was renamed or moved, old → new")
	flag.BoolVar(&o.diff, "diff", false, "print the tokens in which changed bodies differ")
	flag.BoolVar(&o.quiet, "q", false, "print counts only")
	only := flag.String("pkg", "", "report only what lies, or lay, in folders with one of these prefixes, commas between")
	verbose := flag.Bool("v", false, "print type errors")
	flag.Usage = func() { fmt.Fprint(os.Stderr, manual); flag.PrintDefaults() }
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if *only != "" {
		o.prefixes = strings.Split(*only, ",")
	}
	var trees [2]*tree
	for i, top := range flag.Args() {
		t, err := load(top)
		if err != nil {
			fmt.Fprintln(os.Stderr, "samebody:", err)
			os.Exit(2)
		}
		if len(t.errors) > 0 {
			fmt.Fprintf(os.Stderr, "%s: %d type errors (-v lists them): names they leave open are compared as text\n", top, len(t.errors))
			for _, err := range t.errors {
				if *verbose {
					fmt.Fprintln(os.Stderr, " ", err)
				}
			}
		}
		trees[i] = t
	}
	if newMatch(trees[0], trees[1]).report(os.Stdout, o) {
		os.Exit(1)
	}
}
