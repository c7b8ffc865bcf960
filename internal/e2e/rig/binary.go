package rig

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binaryVariable names the program that Main built; in the environment, so that nothing
// else has to hand it on.
const binaryVariable = "HUMPTY_RIG_BINARY"

// Main is for TestMain: it builds the program once, with these build tags, and with the race detector
// if the tests have it; then it runs the tests and returns their exit code. With -short it
// builds nothing: such tests need servers.
func Main(m *testing.M, tags string) int {
	flag.Parse()
	if testing.Short() {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "humpty-rig-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	binary := filepath.Join(dir, "humpty")
	args := []string{"build", "-tags", tags, "-o", binary}
	if raced && tags == "" { // with tags it is not the program that users have, and started often
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "humpty/cmd/humpty")...).CombinedOutput(); err != nil { //nolint:noctx // before the first test there is none
		return failed(fmt.Errorf("build humpty: %w\n%s", err, out))
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		return failed(err)
	}
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
