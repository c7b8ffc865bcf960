package result

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestWriteRead(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	want := sample()
	for _, r := range want {
		if err := Write(&b, r); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines != len(want) {
		t.Errorf("%d measurements make %d lines", len(want), lines)
	}
	got, err := read(strings.NewReader(b.String()+"\n"), "x")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, %v", got, err)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\nnonsense\n":               "runs.jsonl:2: not a result of bench: invalid character",
		`{"schema":9,"what":"copy"}`: `runs.jsonl:1: not a result of bench (schema 9, what "copy"): this bench reads schema 1`,
		`{"schema":1}`:               `runs.jsonl:1: not a result of bench (schema 1, what ""): this bench reads schema 1`,
		`{"schema":1,"what":"copy","pair":` + `"one"}`: "runs.jsonl:1: not a result of bench: json: cannot unmarshal string",
	} {
		if _, err := read(strings.NewReader(text), "runs.jsonl"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadDir(dir); err == nil || !strings.Contains(err.Error(), "bench run --quick") {
		t.Errorf("an empty folder: %v, want the way to fill it", err)
	}
	for _, s := range []Stamp{
		{Run: "20260103t000000", Commit: "bbbbbbbbbb", Mode: "quick", Schema: schema},
		{Run: "20260101t000000", Commit: "aaaaaaaaaa", Mode: "quick", Schema: schema},
		{Run: "20260102t000000", Commit: "aaaaaaaaaa", Dirty: true, Mode: "full", Schema: schema},
	} {
		f, err := os.Create(filepath.Join(dir, s.FileName()))
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(f, Result{Stamp: s, Measurement: Measurement{What: Copy}}); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"aaa":             "20260102t000000", // the newest
		"bbbbbbb":         "20260103t000000",
		"20260101":        "20260101t000000",
		"20260102t000000": "20260102t000000",
		filepath.Join(dir, "20260102t000000-aaaaaaa-dirty-full.jsonl"): "20260102t000000",
	} {
		run, err := Find(dir, name)
		if err != nil || run[0].Run != want {
			t.Errorf("Find(%q): %v, want run %s", name, err, want)
		}
	}
	for _, name := range []string{"", "ccc", filepath.Join(dir, "none.jsonl")} {
		if _, err := Find(dir, name); err == nil {
			t.Errorf("Find(%q) found something", name)
		}
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	s := NewStamp(t.Context(), "quick")
	if s.Machine.Cores < 1 || s.Machine.System == "" || s.Versions["go"] == "" || s.Run == "" || s.Commit == "" {
		t.Errorf("%+v", s)
	}
}
