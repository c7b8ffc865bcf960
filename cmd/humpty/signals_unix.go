//go:build unix

package main

import (
	"os"
	"syscall"
)

func watchedSignals() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGPIPE}
}

// leaves reports whether s says that nobody reads what is printed any more: the terminal
// is gone, or the other end of a pipe.
func leaves(s os.Signal) bool { return s == syscall.SIGHUP || s == syscall.SIGPIPE }

// asksForStatus reports whether s wants a status line and no end.
func asksForStatus(s os.Signal) bool { return s == syscall.SIGUSR1 }
