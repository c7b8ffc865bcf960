package config

import (
	"os"
	"testing"

	"humpty/projector/fold/script"
)

// TestMain lets the test's program be the process of a script.
func TestMain(m *testing.M) {
	script.Main()
	os.Exit(m.Run())
}
