package alias

import (
	"os"
	"testing"

	"humpty/internal/endtoend/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, "")) }
