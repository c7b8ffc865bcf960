//go:build crashpoints

package crashpoint

import (
	"io"
	"net"
	"os"
	"strconv"
)

// At is a moment at which a test may end the process, or hold it.
func At(point string) {
	if os.Getenv("HUMPTY_HOLD_AT") == point {
		hold(os.Getenv("HUMPTY_HOLD"))
	}
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

// hold tells a test that the process is there, by a connection, and waits until the test
// ends it. The test listens for one: later ones find nobody and go on.
func hold(address string) {
	conn, err := net.Dial("tcp", address) //nolint:noctx // a moment of a test has no context
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.Copy(io.Discard, conn)
}
