package deadletter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/internal/deadletter"
)

func TestRawBytesOfALetter(t *testing.T) {
	t.Parallel()
	for _, raw := range []deadletter.Raw{nil, deadletter.Raw(""), deadletter.Raw("text \"ä\"\n"), deadletter.Raw("\xff\x00")} {
		text, err := json.Marshal(deadletter.Letter{Event: &deadletter.Event{Value: raw}})
		if err != nil {
			t.Fatal(err)
		}
		var back deadletter.Letter
		if err := json.Unmarshal(text, &back); err != nil || !bytes.Equal(back.Value, raw) || (back.Value == nil) != (raw == nil) {
			t.Errorf("%q → %s → %q, %v", raw, text, back.Value, err)
		}
	}
}

// TestFormat is the one format of a file: what is in it must stay readable.
func TestFormat(t *testing.T) {
	t.Parallel()
	for want, letter := range map[string]deadletter.Letter{
		`{"index":"orders-1","id":"7","version":3,"body":{"text":"{\"a\":1}"},"type":"document_parsing_exception","reason":"no"}`: {
			Document: &deadletter.Document{Index: "orders-1", ID: "7", Version: 3, Body: deadletter.Raw(`{"a":1}`)}, Type: "document_parsing_exception", Reason: "no",
		},
		`{"topic":"orders","partition":0,"offset":0,"time":5,"key":{"text":"k"},"value":{"base64":"/w=="},"reason":"no"}`: {
			Event: &deadletter.Event{Topic: "orders", Time: 5, Key: deadletter.Raw("k"), Value: deadletter.Raw("\xff")}, Reason: "no",
		},
	} {
		got, err := json.Marshal(letter)
		if err != nil || string(got) != want {
			t.Errorf("%s, not %s (%v)", got, want, err)
		}
		var back deadletter.Letter
		if err := json.Unmarshal(got, &back); err != nil || (back.Document == nil) != (letter.Document == nil) || (back.Event == nil) != (letter.Event == nil) {
			t.Errorf("%s is read as %+v (%v)", got, back, err)
		}
	}
}

func document(id string) deadletter.Letter {
	return deadletter.Letter{Document: &deadletter.Document{Index: "orders-1", ID: id, Body: deadletter.Raw("{}")}, Reason: "no"}
}

func TestFileIsBoundedAndWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder", "orders-1"+deadletter.Suffix)
	w := deadletter.AppendTo(path)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file without letters is there: %v", err)
	}
	for range deadletter.DefaultLimit + 5 {
		if err := w.Put(document("7")); err != nil {
			t.Fatal(err)
		}
	}
	written, dropped, err := w.Close()
	if written != deadletter.DefaultLimit || dropped != 5 || err != nil {
		t.Errorf("%d written, %d dropped, %v", written, dropped, err)
	}
	files, err := deadletter.Files(filepath.Dir(path))
	if err != nil || len(files) != 1 || files[0] != path {
		t.Fatalf("%v, %v", files, err)
	}
	n := 0
	if err := deadletter.Read(path, func(deadletter.Letter) error { n++; return nil }); err != nil || n != deadletter.DefaultLimit {
		t.Errorf("%d letters read, %v", n, err)
	}
}

func TestKeepRewrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x"+deadletter.Suffix)
	w := deadletter.AppendTo(path)
	for _, id := range []string{"a", "b", "c"} {
		if err := w.Put(document(id)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"index":"cut`) // by a crash
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	taken, err := deadletter.Filter(path, func(l deadletter.Letter) bool { return l.ID != "b" })
	if taken != 1 || err != nil {
		t.Fatalf("%d taken, %v", taken, err)
	}
	ids := ""
	if err := deadletter.Read(path, func(l deadletter.Letter) error { ids += l.ID; return nil }); err != nil || ids != "ac" {
		t.Errorf("%q are left, %v", ids, err)
	}
	if taken, err = deadletter.Filter(path, func(deadletter.Letter) bool { return false }); taken != 2 || err != nil {
		t.Errorf("%d taken, %v", taken, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty file is left: %v", err)
	}
}

// TestDiscardedWhileWritten: letters are discarded while others are written to the same file, by a
// Writer that keeps it open. None of those that are to stay is lost, and the bounds hold for the file.
func TestDiscardedWhileWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x"+deadletter.Suffix)
	w := deadletter.AppendTo(path)
	const n = 500
	var group errgroup.Group
	var written atomic.Bool
	group.Go(func() error {
		defer written.Store(true)
		for i := range n {
			if err := errors.Join(w.Put(document("stays"+strconv.Itoa(i))), w.Put(document("goes"))); err != nil {
				return err
			}
		}
		return nil
	})
	var gone int64
	discard := func() error {
		taken, err := deadletter.Filter(path, func(l deadletter.Letter) bool { return l.ID != "goes" })
		gone += taken
		if errors.Is(err, os.ErrNotExist) {
			return nil // nothing is written yet, or nothing was left
		}
		return err
	}
	group.Go(func() error {
		for !written.Load() {
			if err := discard(); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := discard(); err != nil || gone != n {
		t.Errorf("%d of %d discarded, %v", gone, n, err)
	}
	left := map[string]bool{}
	if err := deadletter.Read(path, func(l deadletter.Letter) error { left[l.ID] = true; return nil }); err != nil || len(left) != n {
		t.Errorf("%d of %d letters are left, %v", len(left), n, err)
	}
	for range deadletter.DefaultLimit {
		if err := w.Put(document("more")); err != nil {
			t.Fatal(err)
		}
	}
	if written, dropped, err := w.Close(); written != deadletter.DefaultLimit+n || dropped != n || err != nil {
		t.Errorf("%d written, %d dropped, %v", written, dropped, err)
	}
}

// TestFullDisk: what cannot be kept is an error at once and at the end.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := deadletter.NewWriter(full{}, 0)
	if err := w.Put(document("1")); err == nil || !strings.Contains(err.Error(), "write a dead letter: no space") {
		t.Errorf("%v", err)
	}
	if _, _, err := w.Close(); err == nil {
		t.Error("the error is forgotten")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x"+deadletter.Suffix)
	if err := os.WriteFile(path, []byte("{\"id\":\"1\",\"reason\":\"no\"}\nhallo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := deadletter.Read(path, func(deadletter.Letter) error { return nil })
	if err == nil || !strings.Contains(err.Error(), path+":2 is not a dead letter") {
		t.Errorf("%v", err)
	}
}
