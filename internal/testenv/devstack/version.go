package devstack

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.go cmd/*.go
var sources embed.FS

// sourceVersion stands for the code of this package: a supervisor built from
// other code may speak otherwise, so each version has its own.
func sourceVersion() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := sources.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("devstack: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
