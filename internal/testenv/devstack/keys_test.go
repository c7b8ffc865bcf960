package devstack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingCompilerIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	home := t.TempDir()
	_, err := findCompiler("Elasticsearch", java{home: home, version: 17})
	if err == nil || !strings.Contains(err.Error(), "no javac in "+home) || !strings.Contains(err.Error(), "apt-get install openjdk-17-jdk-headless") {
		t.Errorf("%v", err)
	}
	javac := filepath.Join(home, "bin", "javac")
	if err := os.MkdirAll(filepath.Dir(javac), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(javac, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := findCompiler("Elasticsearch", java{home: home, version: 17}); err != nil || path != javac {
		t.Errorf("%s, %v", path, err)
	}
}
