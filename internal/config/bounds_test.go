package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBounds: what a small file can cost is bounded, and the bound is named with its place.
func TestBounds(t *testing.T) {
	t.Parallel()
	aliases := "x-a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		aliases += fmt.Sprintf("x-%d: &a%d [%s*a%d]\n", i, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	var merged strings.Builder
	merged.WriteString("x-a: &m0 {a: 1}\n")
	for i := range 30 {
		fmt.Fprintf(&merged, "x-%d: &m%d {a%d: *m%d, b%d: *m%d, <<: *m%d}\n", i, i+1, i, i, i, i, i)
	}
	var block strings.Builder
	for i := range 1000 {
		block.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, c := range map[string]struct{ text, place, want string }{
		"aliases of aliases":   {aliases, "bomb.yaml:1:", "more than 500000 values"},
		"merges of merges":     {merged.String(), "bomb.yaml:", "more than 500000 values"},
		"brackets":             {"a: " + strings.Repeat("[", 100_000), "bomb.yaml:1:104", "more than 100 deep"},
		"closed brackets":      {"a: " + strings.Repeat("[", 101) + strings.Repeat("]", 101), "bomb.yaml:1:104", "more than 100 deep"},
		"braces":               {"a: " + strings.Repeat("{a: ", 100_000), "bomb.yaml:1:", "more than 100 deep"},
		"brackets over lines":  {"a: " + strings.Repeat("[\n  ", 100_000), "bomb.yaml:101:", "more than 100 deep"},
		"dashes":               {strings.Repeat("- ", 100_000) + "x", "bomb.yaml:1:201", "more than 100 deep"},
		"indentation":          {block.String(), "bomb.yaml:101:", "more than 100 deep"},
		"tags":                 {"a: " + strings.Repeat("!x ", 100_000) + "b", "bomb.yaml:1:", "more than 100 deep"},
		"anchors":              {"a: " + strings.Repeat("&x ", 100_000) + "b", "bomb.yaml:1:", "more than 100 deep"},
		"keys that are values": {strings.Repeat("? ", 100_000) + "b", "bomb.yaml:1:201", "more than 100 deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, problems := parse("bomb.yaml", []byte(c.text))
			if root != nil || len(problems.Errors()) == 0 {
				t.Fatalf("it was read: %v", problems)
			}
			for _, p := range problems {
				if strings.Contains(p.What, c.want) && (strings.HasPrefix(p.Place, c.place) || name == "aliases of aliases") {
					return
				}
			}
			t.Errorf("got %.300s", problems.Error())
		})
	}
	deep := "a: " + strings.Repeat("[", 90) + strings.Repeat("]", 90)
	if root, problems := parse("deep.yaml", []byte(deep)); root == nil {
		t.Errorf("90 deep is refused: %v", problems)
	}
	if root, problems := parse("long.yaml", []byte("a:\n"+strings.Repeat("  -\n", 1000))); root == nil {
		t.Errorf("a list of nothing is refused: %v", problems)
	}
}

// TestLargeFiles: a file that is no configuration is not read into memory whole.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "humpty.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, Options{}); err == nil || !strings.Contains(err.Error(), "more than 8 MB") {
		t.Errorf("got %v", err)
	}
}
