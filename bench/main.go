package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
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
