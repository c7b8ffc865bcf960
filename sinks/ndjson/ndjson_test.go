package ndjson_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"humpty/sinks"
	"humpty/sinks/ndjson"
	"humpty/sinks/sinktest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	again := func(t *testing.T, alias string) sinks.Target {
		t.Helper()
		return open(t, dir, alias)
	}
	sinktest.Run(t, sinktest.Harness{
		NoMapping: true,
		Target: func(t *testing.T) (sinks.Target, string) {
			alias := strings.ToLower(filepath.Base(t.Name()))
			return again(t, alias), alias
		},
		Another: again,
		OccupyName: func(t *testing.T, alias string) {
			if err := os.WriteFile(filepath.Join(dir, alias), []byte("{}\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		},
	})
}

func open(t *testing.T, dir, alias string) *ndjson.Target {
	t.Helper()
	target, err := ndjson.New(dir, alias)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// TestCrash cuts the file in the middle of its last line: what was whole is there.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := sinks.Generation{Name: "a-1", Meta: sinks.Meta{Alias: "a"}}
	index, err := open(t, dir, "a").Create(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	docs := []sinks.Document{
		{ID: []byte("1"), Version: 2, Body: []byte(`{"n":1}`)},
		{ID: []byte("2"), Version: 2, Body: []byte(`{"n":2}`)},
		{ID: []byte("1"), Version: 1, Body: []byte(`{"n":0}`)},
	}
	if _, err := index.Write(t.Context(), docs, make([]sinks.Verdict, 3)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "a-1.ndjson")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"1","version":2,"body":{"n":1}}` + "\n" + `{"id":"2","version":2,"body":{"n":2}}` + "\n"
	if string(raw) != want {
		t.Fatalf("the file is\n%swant\n%s", raw, want)
	}
	if err := os.Truncate(file, int64(len(raw)-3)); err != nil {
		t.Fatal(err)
	}
	index, err = open(t, dir, "a").Open(t.Context(), "a-1")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := index.Count(t.Context()); n != 1 || err != nil {
		t.Errorf("%d documents (%v), want the one that is whole", n, err)
	}
	verdicts := make([]sinks.Verdict, 1)
	if _, err := index.Write(t.Context(), docs[1:2], verdicts); err != nil || verdicts[0].Outcome != sinks.Written {
		t.Errorf("writing again what was cut: %+v, %v", verdicts, err)
	}
	if raw, err = os.ReadFile(file); err != nil || string(raw) != want {
		t.Errorf("the file is\n%s(%v) want\n%s", raw, err, want)
	}
}

// TestCopiesOfFilesAreForeign: the files of a generation under another name are no generation.
func TestCopiesOfFilesAreForeign(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := open(t, dir, "a")
	if _, err := target.Create(t.Context(), sinks.Generation{Name: "a-20261124t050000", Meta: sinks.Meta{Alias: "a"}}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{".json", ".ndjson"} {
		raw, err := os.ReadFile(filepath.Join(dir, "a-20261124t050000"+suffix))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "a-backup"+suffix), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	survey, err := target.Survey(t.Context())
	if err != nil || len(survey.Generations) != 1 || len(survey.Foreign) != 1 || survey.Foreign[0].Index != "a-backup" {
		t.Errorf("survey says %+v: %v", survey, err)
	}
	if _, err := target.Open(t.Context(), "a-backup"); err == nil {
		t.Error("a copy was opened")
	}
	if err := target.Drop(t.Context(), "a-backup"); err == nil {
		t.Error("a copy was dropped")
	}
	if _, err := os.Stat(filepath.Join(dir, "a-backup.json")); err != nil {
		t.Error(err)
	}
}
