//go:build crashpoints

package crashpoint

import (
	"os"
	"strconv"
)

// At is a moment at which a test may end the process.
func At(point string) {
	if os.Getenv("HUMPTY_CRASH_AT") != point {
		return
	}
	left, err := strconv.Atoi(os.Getenv("HUMPTY_CRASH_TIME"))
	if err == nil && left > 1 {
		if err := os.Setenv("HUMPTY_CRASH_TIME", strconv.Itoa(left-1)); err != nil {
			panic(err)
		}
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
