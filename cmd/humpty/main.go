// Command humpty rebuilds a read model from its systems of record into a fresh index,
// proves it, and swaps it in behind an alias.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/vbauerster/cupwriter"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, watchedSignals()...)
	a := &app{
		in: os.Stdin, out: &sink{to: os.Stdout}, err: os.Stderr,
		inTerminal: isTerminal(os.Stdin), outTerminal: isTerminal(os.Stdout), errTerminal: isTerminal(os.Stderr) && hasSize(os.Stderr),
		env: os.LookupEnv, signals: signals, exit: os.Exit,
	}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

func isTerminal(f *os.File) bool { return cupwriter.New(f, false).IsTerminal() }

// hasSize tells whether a terminal says how large it is; some that are made by programs
// do not, and nothing can be redrawn there.
func hasSize(f *os.File) bool {
	width, height, err := cupwriter.New(f, false).GetTermSize()
	return err == nil && width > 0 && height > 0
}
