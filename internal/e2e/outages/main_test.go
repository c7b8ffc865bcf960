// Package outages kills the servers under the built program, at each phase of a run and while
// an index is followed.
package outages

import (
	"os"
	"testing"

	"humpty/internal/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, "crashpoints")) }
