//go:build !unix

package signals

import (
	"os"
	"syscall"
)

// Watched are the signals that a Watcher answers.
func Watched() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func readerGone(os.Signal) bool { return false }

func asksStatus(os.Signal) bool { return false }
