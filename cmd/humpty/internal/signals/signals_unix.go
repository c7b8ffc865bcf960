//go:build unix

package signals

import (
	"os"
	"syscall"
)

// Watched are the signals that a Watcher answers.
func Watched() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGPIPE}
}

// readerGone reports whether s says that what is printed is not read any more: the terminal
// is gone, or the other end of a pipe.
func readerGone(s os.Signal) bool { return s == syscall.SIGHUP || s == syscall.SIGPIPE }

// asksStatus reports whether s wants a status line and no end.
func asksStatus(s os.Signal) bool { return s == syscall.SIGUSR1 }
