//go:build unix

package main

import (
	"os"
	"syscall"
)

func watchedSignals() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1}
}

// asksForStatus reports whether s wants a status line and no end.
func asksForStatus(s os.Signal) bool { return s == syscall.SIGUSR1 }
