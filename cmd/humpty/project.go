package main

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
	"strings"

	"github.com/spf13/cobra"
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

// folding is what the flags of project say.
type folding struct {
	from, fold, decoder, key, kind, expect, include string
	bare                                            bool
	events                                          *config.Events // of a projection; nil: as the flags say
}

// projected is one document of project: as it is printed, and as it is expected.
type projected struct {
	ID       string          `json:"id"`
	Document json.RawMessage `json:"document,omitempty"`
	Reject   string          `json:"reject,omitempty"`
}

// unexpected is a document that is not what --expect says.
type unexpected struct {
	ID      string             `json:"id"`
	Changes []canonjson.Change `json:"changes"`
}

// differsFromExpected is project's no.
type differsFromExpected struct{ documents int }

func (d *differsFromExpected) Error() string {
	return fmt.Sprintf("%d documents are not as expected", d.documents)
}

// unreadable is what a rebuild would stop at, unless limits.poison allows it.
type unreadable struct{ poison, read int64 }

func (u *unreadable) Error() string {
	return fmt.Sprintf("%d of %d events could not be read or applied", u.poison, u.read)
}

func (a *app) projectCommand() *cobra.Command {
	var f folding
	cmd := &cobra.Command{
		Use:   "project [PROJECTION] --from EVENTS.ndjson",
		Short: "Run a fold over a few events and print the documents",
		Long: `project folds events of a file, one JSON object a line, and prints the documents they
make: the way to try a fold, and to test it (--expect). It connects to nothing.

With a PROJECTION it folds as that says in the configuration, or as its include from a topic
does that --include names; includes are not joined. Without, --fold and the other flags say
how, and no configuration is read.

An event is {"key": …, "value": …, "time": …, "headers": {…}, "topic": …, "partition": …};
only value is required, and null is a tombstone. A line without "value" is a value itself.
The offset of an event is the number of its line.

--fold is latest, merge, a module in JavaScript (FILE.js), or handlers (FILE.json):
  {"OrderPlaced": [{"set": "status", "value": "placed"}, {"set": "customer", "from": "who.name"}],
   "ItemAdded": [{"upsert": "lines", "from": "item", "by": "sku"}, {"increment": "total", "from": "item.price"}],
   "Cancelled": [{"delete": true}]}`,
		Example: `  humpty project parcels --from events.ndjson --expect parcels.ndjson
  humpty project --from events.ndjson --fold orders.js --type type --key order_id
  humpty project --from events.ndjson --fold orders.js --type type --key order_id --expect orders.ndjson
  humpty project --from changes.ndjson --decoder debezium`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
		RunE: a.begin(func(cmd *cobra.Command, args []string) (err error) {
			if f.events, err = a.eventsOf(cmd, args, f.include); err != nil {
				return err
			}
			return a.project(cmd.Context(), f)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "the events, as JSON lines; - is stdin")
	flags.StringVar(&f.fold, "fold", "latest", "latest, merge, FILE.js, or FILE.json with handlers")
	flags.StringVar(&f.decoder, "decoder", "json", "what the values are: json or debezium")
	flags.StringVar(&f.key, "key", "key", "where the document's id is: key, header:NAME, or a path into the value")
	flags.StringVar(&f.kind, "type", "", "where the event's type is: header:NAME, or a path into the value")
	flags.StringVar(&f.expect, "expect", "", "the documents that must come out, as project prints them")
	flags.StringVar(&f.include, "include", "", "with a PROJECTION: its include from a topic whose fold is meant, like lines.stock")
	flags.BoolVar(&f.bare, "bare", false, "every line is a value, even with a member \"value\"")
	return cmd
}

func (a *app) project(ctx context.Context, f folding) error {
	source, poison, err := a.foldSource(f)
	if err != nil {
		return err
	}
	docs, counts, err := foldAll(ctx, source)
	if err != nil {
		return err
	}
	if _, _, err := source.Letters.Close(); err != nil {
		return err
	}
	a.result.Documents = docs
	for _, d := range docs {
		a.printf("%s\n", projectedLine(d))
	}
	for each := range strings.Lines(poison.String()) {
		var l deadletter.Letter
		if err := json.Unmarshal([]byte(each), &l); err != nil {
			return err
		}
		a.warn(fmt.Sprintf("%s:%d: %s", l.Topic, l.Offset, l.Reason))
	}
	if f.expect != "" {
		if err := a.expected(f.expect, docs); err != nil {
			return err
		}
	}
	if counts.Poison > 0 {
		return &unreadable{counts.Poison, counts.Read}
	}
	return nil
}

// eventsOf finds how a projection, or an include of it, folds; nil if none is named.
func (a *app) eventsOf(cmd *cobra.Command, args []string, include string) (*config.Events, error) {
	if len(args) == 0 {
		if include != "" {
			return nil, &usageError{"--include is of a projection, and none is named", "humpty project PROJECTION --include " + include}
		}
		return nil, nil
	}
	for _, name := range []string{"fold", "decoder", "key", "type"} {
		if cmd.Flags().Changed(name) {
			return nil, &usageError{"--" + name + " says how to fold, and so does projection " + args[0], "leave one of them out"}
		}
	}
	_, p, err := a.chosen(cmd, args)
	if err != nil {
		return nil, err
	}
	if include == "" && p.Events != nil {
		return p.Events, nil
	}
	var known []string
	for _, j := range p.Joined {
		path := strings.Join(append(slices.Clone(j.At), j.Name), ".")
		if j.Events != nil && path == include {
			return j.Events, nil
		}
		if j.Events != nil {
			known = append(known, "--include "+path)
		}
	}
	remedy := "none of its includes is from a topic"
	if len(known) > 0 {
		remedy = "one of: " + strings.Join(known, ", ")
	}
	if include != "" {
		return nil, &usageError{fmt.Sprintf("projection %s has no include %s from a topic", p.Name, include), remedy}
	}
	return nil, &usageError{fmt.Sprintf("projection %s is made of tables, not of events", p.Name), remedy}
}

// foldSource makes what the flags say.
func (a *app) foldSource(f folding) (*fold.Source, *bytes.Buffer, error) {
	if f.from == "" {
		return nil, nil, &usageError{"--from does not say which events", "humpty help project"}
	}
	text, err := a.readFile(f.from)
	if err != nil {
		return nil, nil, &usageError{"--from: " + err.Error(), "humpty help project"}
	}
	lines, err := fold.ReadLines(f.from, text, f.bare)
	if err != nil {
		return nil, nil, &usageError{err.Error(), "humpty help project"}
	}
	poison := &bytes.Buffer{}
	s := &fold.Source{Inner: lines, Letters: fold.NewLetters(poison, 0)}
	if f.events != nil {
		s.Decoder, s.New, err = assemble.Fold(f.events)
		return s, poison, err
	}
	if s.Decoder, err = decoderOf(f); err == nil {
		s.New, err = a.foldOf(f.fold)
	}
	if err != nil {
		return nil, nil, &usageError{err.Error(), "humpty help project"}
	}
	return s, poison, nil
}

func (a *app) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(name)
}

func decoderOf(f folding) (fold.Decoder, error) {
	key, err := decode.ParseLocator(f.key)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	kind, err := decode.ParseLocator(f.kind)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--type: %w", err)
	case f.decoder == "json":
		return &decode.JSON{Key: key, Type: kind}, nil
	case f.decoder == "debezium":
		return &decode.Debezium{Key: key}, nil
	}
	return nil, fmt.Errorf("unknown decoder %q: json or debezium", f.decoder)
}

func (a *app) foldOf(name string) (func() (fold.Fold, error), error) {
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
	text, err := a.readFile(name)
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

// foldAll gives the documents in order of their ids.
func foldAll(ctx context.Context, s sources.Source) (docs []projected, counts sources.Counts, err error) {
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
				docs = append(docs, projected{ID: string(d.Key), Document: d.Value, Reject: d.Reject})
			}
		}
		if err := r.Close(ctx); err != nil {
			return nil, counts, err
		}
	}
	slices.SortFunc(docs, func(a, b projected) int { return cmp.Compare(a.ID, b.ID) })
	return docs, counts, nil
}

// projectedLine is a document as --expect takes it, its bytes as they are.
func projectedLine(d projected) string {
	id, err := json.Marshal(d.ID)
	if err == nil && d.Reject != "" {
		var why []byte
		if why, err = json.Marshal(d.Reject); err == nil {
			return fmt.Sprintf(`{"id":%s,"reject":%s}`, id, why)
		}
	}
	return fmt.Sprintf(`{"id":%s,"document":%s}`, id, d.Document)
}

// expected holds the documents against a file.
func (a *app) expected(name string, docs []projected) error {
	text, err := a.readFile(name)
	if err != nil {
		return err
	}
	want, have := map[string]projected{}, map[string]projected{}
	number := 0
	for each := range bytes.Lines(text) {
		number++
		if each = bytes.TrimSpace(each); len(each) == 0 {
			continue
		}
		var d projected
		if err := json.Unmarshal(each, &d); err != nil || d.ID == "" {
			return &usageError{fmt.Sprintf("%s:%d is no document as project prints them: %v", name, number, cmp.Or(err, errors.New("it has no id"))), "humpty help project"}
		}
		want[d.ID] = d
	}
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
		a.result.Unexpected = append(a.result.Unexpected, unexpected{id, changes})
		a.printf("differs: %s\n", id)
		for _, c := range changes {
			a.printf("  %s\n", c)
		}
	}
	if n := len(a.result.Unexpected); n > 0 {
		return &differsFromExpected{n}
	}
	return nil
}

// body is a document, or what stands for a rejected one; nothing if there is none.
func body(of map[string]projected, id string) []byte {
	d := of[id]
	if d.Reject != "" {
		return []byte(projectedLine(d))
	}
	return d.Document
}
