// Package topics runs the built program over topics and tables that applications write to
// all the time.
package topics

import (
	"os"
	"testing"

	"humpty/internal/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, "")) }
