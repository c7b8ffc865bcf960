// Package trial folds the events of a file: the way to try a fold, and to test it.
package trial

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/assemble"
	"humpty/internal/canonjson"
	"humpty/internal/config"
	"humpty/internal/deadletter"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/fold/script"
	"humpty/sources"
)

// Trial is which events are folded, and how.
type Trial struct {
	In     io.Reader // what - is
	From   string    // the events, as JSON lines
	Bare   bool      // every line is a value
	Expect string    // the documents that must come out

	Events                   *config.Events // of a projection; nil: as the following say
	Fold, Decoder, Key, Type string
}

// Document is one document of project: as it is printed, and as it is expected.
type Document struct {
	ID       string          `json:"id"`
	Document json.RawMessage `json:"document,omitempty"`
	Reject   string          `json:"reject,omitempty"`
}

// Unexpected is a document that is not what --expect says.
type Unexpected struct {
	ID      string             `json:"id"`
	Changes []canonjson.Change `json:"changes"`
}

// Mismatch is the error of documents that are not what --expect says.
type Mismatch struct{ documents int }

func (m *Mismatch) Error() string {
	return fmt.Sprintf("%d documents are not as expected", m.documents)
}

// Poison is what a rebuild would stop at, unless limits.poison or limits.rejections allow it.
type Poison struct{ poison, read, rejected int64 }

func (p *Poison) Error() string {
	if p.poison == 0 {
		return fmt.Sprintf("%d documents were rejected", p.rejected)
	}
	return fmt.Sprintf("%d of %d events could not be read or applied", p.poison, p.read)
}

// Result is what came of the events.
type Result struct {
	Documents []Document          // in order of their ids
	Letters   []deadletter.Letter // events that could not be read or applied

	counts   sources.Counts
	expected bool // the documents are those of --expect
}

// Err says that events could not be read or applied, or that documents were rejected which
// nothing expects to be.
func (r *Result) Err() error {
	p := &Poison{poison: r.counts.Poison, read: r.counts.Read}
	for _, d := range r.Documents {
		if d.Reject != "" && !r.expected {
			p.rejected++
		}
	}
	if p.poison > 0 || p.rejected > 0 {
		return p
	}
	return nil
}

// Run folds the events.
func (t Trial) Run(ctx context.Context) (*Result, error) {
	source, poison, err := t.source()
	if err != nil {
		return nil, err
	}
	docs, counts, err := documents(ctx, source)
	if err != nil {
		return nil, err
	}
	if _, _, err := source.Letters.Close(); err != nil {
		return nil, err
	}
	r := &Result{Documents: docs, counts: counts, expected: t.Expect != ""}
	for each := range bytes.Lines(poison.Bytes()) {
		var l deadletter.Letter
		if err := json.Unmarshal(each, &l); err != nil {
			return nil, err
		}
		r.Letters = append(r.Letters, l)
	}
	return r, nil
}

// source makes what the flags say; letters of what cannot be read or applied are written to
// the buffer.
func (t Trial) source() (*fold.Source, *bytes.Buffer, error) {
	if t.From == "" {
		return nil, nil, console.Usage("--from does not say which events", "humpty help project")
	}
	text, err := t.readFile(t.From)
	if err != nil {
		return nil, nil, console.Usage("--from: "+err.Error(), "humpty help project")
	}
	lines, err := fold.ReadLines(t.From, text, t.Bare)
	if err != nil {
		return nil, nil, console.Usage(err.Error(), "humpty help project")
	}
	poison := &bytes.Buffer{}
	s := &fold.Source{Inner: lines, Letters: fold.NewLetters(poison, 0)}
	if t.Events != nil {
		s.Decoder, s.New, err = assemble.Fold(t.Events)
		return s, poison, err
	}
	if s.Decoder, err = t.decoder(); err == nil {
		s.New, err = t.fold()
	}
	if err != nil {
		return nil, nil, console.Usage(err.Error(), "humpty help project")
	}
	return s, poison, nil
}

func (t Trial) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(t.In)
	}
	return os.ReadFile(name)
}

func (t Trial) decoder() (fold.Decoder, error) {
	key, err := decode.ParseLocator(t.Key)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	kind, err := decode.ParseLocator(t.Type)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--type: %w", err)
	case t.Decoder == "json":
		return &decode.JSON{Key: key, Type: kind}, nil
	case t.Decoder == "debezium":
		return &decode.Debezium{Key: key}, nil
	}
	return nil, fmt.Errorf("unknown decoder %q: json or debezium", t.Decoder)
}

func (t Trial) fold() (func() (fold.Fold, error), error) {
	name := t.Fold
	switch name {
	case "latest":
		return handlers.NewLatest, nil
	case "merge":
		return handlers.NewMerge, nil
	}
	kind := filepath.Ext(name)
	if kind != ".js" && kind != ".mjs" && kind != ".json" {
		return nil, fmt.Errorf("unknown fold %q: latest, merge, a FILE.js, or a FILE.json with handlers", name)
	}
	text, err := t.readFile(name)
	if err != nil {
		return nil, err
	}
	if kind != ".json" {
		return script.New(filepath.Base(name), string(text), script.Limits{})
	}
	h, err := handlers.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return h.New()
}

// documents folds all, and gives the documents in order of their ids.
func documents(ctx context.Context, s sources.Source) (docs []Document, counts sources.Counts, err error) {
	plan, err := s.Plan(ctx)
	if err != nil {
		return nil, counts, err
	}
	view, err := s.Open(ctx)
	if err != nil {
		return nil, counts, err
	}
	defer func() { err = errors.Join(err, view.Close(ctx)) }()
	for _, p := range plan.Partitions {
		r, err := view.Read(ctx, p, "")
		if err != nil {
			return nil, counts, err
		}
		for {
			b := &sources.Batch{Limit: 1 << 20}
			if err := r.Next(ctx, b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, counts, errors.Join(err, r.Close(ctx))
			}
			counts.Add(b.Counts)
			for i := range b.Records {
				d := &b.Records[i]
				docs = append(docs, Document{ID: string(d.Key), Document: d.Value, Reject: d.Reject})
			}
		}
		if err := r.Close(ctx); err != nil {
			return nil, counts, err
		}
	}
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.ID, b.ID) })
	return docs, counts, nil
}

// Line is a document as --expect takes it, its bytes as they are.
func (d Document) Line() string {
	id, err := json.Marshal(d.ID)
	if err == nil && d.Reject != "" {
		var why []byte
		if why, err = json.Marshal(d.Reject); err == nil {
			return fmt.Sprintf(`{"id":%s,"reject":%s}`, id, why)
		}
	}
	return fmt.Sprintf(`{"id":%s,"document":%s}`, id, d.Document)
}

// Compare holds the documents against what is expected.
func (t Trial) Compare(docs []Document) ([]Unexpected, error) {
	name := t.Expect
	text, err := t.readFile(name)
	if err != nil {
		return nil, err
	}
	want, have := map[string]Document{}, map[string]Document{}
	number := 0
	for each := range bytes.Lines(text) {
		number++
		if each = bytes.TrimSpace(each); len(each) == 0 {
			continue
		}
		var d Document
		if err := json.Unmarshal(each, &d); err != nil || d.ID == "" {
			return nil, console.Usage(fmt.Sprintf("%s:%d is no document as project prints them: %v", name, number, cmp.Or(err, errors.New("it has no id"))), "humpty help project")
		}
		want[d.ID] = d
	}
	var all []Unexpected
	var ids []string
	for _, d := range docs {
		have[d.ID] = d
		ids = append(ids, d.ID)
	}
	for id := range want {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		changes := canonjson.Diff(body(want, id), body(have, id), nil, 20)
		if len(changes) == 0 {
			continue
		}
		all = append(all, Unexpected{id, changes})
	}
	if len(all) > 0 {
		return all, &Mismatch{len(all)}
	}
	return nil, nil
}

// body is a document, or what stands for a rejected one; nothing if there is none.
func body(of map[string]Document, id string) []byte {
	d := of[id]
	if d.Reject != "" {
		return []byte(d.Line())
	}
	return d.Document
}
