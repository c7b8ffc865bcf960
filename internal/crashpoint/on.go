//go:build crashpoints

package crashpoint

import (
	"os"
	"strconv"
	"sync/atomic"
)

var times atomic.Int64 // that the process came by its point; one process has one point

// At is a moment at which a test may end the process.
func At(point string) {
	if os.Getenv("HUMPTY_CRASH_AT") != point {
		return
	}
	when, err := strconv.ParseInt(os.Getenv("HUMPTY_CRASH_TIME"), 10, 64)
	if err != nil {
		when = 1
	}
	if times.Add(1) != when {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // nothing happens between the signal and the end
}
