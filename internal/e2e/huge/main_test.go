package huge

import (
	"os"
	"testing"

	"humpty/internal/e2e/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, "")) }
