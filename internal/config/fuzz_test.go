package config

import (
	"errors"
	"os"
	"strings"
	"testing"

	"humpty/internal/problem"
)

// FuzzRead: a file is a configuration, or what is wrong with it is said, each with its place.
func FuzzRead(f *testing.F) {
	reference, err := os.ReadFile("testdata/reference.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reference[:2000]) // all of it would be slow to try 100,000 times
	for _, seed := range []string{
		"", "version: 1", "version: [", "version: 1\nsources: {shop: {postgres: {dsn: \"${DSN}\"}}}\n", "a: &a [*a]\n", "a: &a {b: 1}\nc: {<<: *a}\n",
		"version: 1\nversion: 1\n", "projections: {o: {limits: {batch: 9999999999999999999TB, shrink: -1%}}}\n", "? {a: b}\n: c\n", "!!binary x\n", "\xff\xfe", "--- 1\n--- 2\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "/dev") || strings.Contains(string(data), "/proc") {
			return // a file that has no end
		}
		c, err := read(dir+"/humpty.yaml", data, Options{Env: environment("DSN", "postgres://localhost/shop")})
		if err == nil {
			if c == nil {
				t.Fatal("neither a configuration nor an error")
			}
			return
		}
		var all problem.List
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for _, p := range all {
			if p.What == "" || p.Place == "" {
				t.Fatalf("%+v has no place or no text", p)
			}
		}
	})
}
