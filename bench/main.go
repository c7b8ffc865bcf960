// Command bench measures humpty beside what no engine can beat on the same machine, and
// keeps the results for each commit.
//
// Everything that is claimed about speed is a ratio of two measurements of one run,
// interleaved (A B, B A, …) so that noise hits both alike: the rebuild into the null
// sink against raw COPY, the rebuild into a search server against both ends at once.
// The engine runs in a process of its own (the hidden verb `engine`), which holds nothing
// else, so that CPU, memory and allocations are its alone.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"humpty/projector/fold/script"
)

func main() {
	script.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	self, err := os.Executable()
	b := &bench{in: os.Stdin, out: os.Stdout, err: os.Stderr, self: self}
	code := 1
	if err == nil {
		code = b.run(ctx, os.Args[1:])
	}
	stop()
	os.Exit(code)
}
