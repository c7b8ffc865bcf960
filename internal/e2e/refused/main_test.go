// Package refused shows what becomes of documents that the target or the source refuses.
package refused

import (
	"os"
	"testing"

	"humpty/internal/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, "crashpoints")) }
