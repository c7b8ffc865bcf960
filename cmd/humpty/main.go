// Command humpty rebuilds a read model from its systems of record into a fresh index,
// proves it, and swaps it in behind an alias.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/vbauerster/cupwriter"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/signals"
	"humpty/projector/fold/script"
)

func main() {
	script.Main()
	received := make(chan os.Signal, 4)
	signal.Notify(received, signals.Watched()...)
	a := newApp(&console.Console{
		In: os.Stdin, Out: console.NewSink(os.Stdout), Err: os.Stderr,
		InTerminal: isTerminal(os.Stdin), ErrTerminal: isTerminal(os.Stderr) && hasSize(os.Stderr),
		Env: os.LookupEnv,
	}, received, os.Exit)
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

func isTerminal(f *os.File) bool { return cupwriter.New(f, false).IsTerminal() }

// hasSize tells whether a terminal says how large it is; some that are made by programs
// do not, and nothing can be redrawn there.
func hasSize(f *os.File) bool {
	width, height, err := cupwriter.New(f, false).GetTermSize()
	return err == nil && width > 0 && height > 0
}
