package ndjson

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"humpty/sinks"
)

// index is one generation's file.
type index struct {
	target *Target
	name   string

	mu        sync.Mutex
	file      *os.File
	size      int64              // behind the last whole line
	rows      map[string]lineRef // by id
	liveCount int64              // rows that are not deleted
	line      []byte             // used again
}

// lineRef is where the line that counts is.
type lineRef struct {
	at      int64
	length  int
	version int64
	deleted bool
}

// load reads the file again, and cuts off a line that a crash left without its end.
func (x *index) load() error {
	x.rows = map[string]lineRef{}
	in := bufio.NewReaderSize(x.file, 1<<20)
	for {
		raw, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", x.file.Name(), err)
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return fmt.Errorf("%s at byte %d: not a line of a generation: %w", x.file.Name(), x.size, err)
		}
		x.book(l.ID, lineRef{at: x.size, length: len(raw), version: l.Version, deleted: l.Deleted})
	}
	if err := x.file.Truncate(x.size); err != nil {
		return fmt.Errorf("cut off the last line of %s: %w", x.file.Name(), err)
	}
	return nil
}

func (x *index) book(id string, p lineRef) {
	if was, ok := x.rows[id]; ok && !was.deleted {
		x.liveCount--
	}
	if !p.deleted {
		x.liveCount++
	}
	x.rows[id] = p
	x.size += int64(p.length)
}

// Write appends what is not superseded.
func (x *index) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.appendAll(docs, verdicts, start, func(i int, was lineRef, _ bool) (sinks.Verdict, int64) {
		version := docs[i].Version
		if !docs[i].HasVersion() {
			version = was.version + 1
		}
		if version < was.version {
			return sinks.Verdict{Outcome: sinks.Superseded, Status: 409}, 0
		}
		return sinks.Verdict{}, version
	})
}

// appendAll writes the documents that may be: decide gives the verdict on one, or its version
// where there is none yet. Nothing counts before it is in the file.
func (x *index) appendAll(docs []sinks.Document, verdicts []sinks.Verdict, start time.Time,
	decide func(i int, was lineRef, there bool) (sinks.Verdict, int64),
) (sinks.Receipt, error) {
	x.line = x.line[:0]
	decided := make([]sinks.Verdict, len(docs))
	added := map[string]lineRef{} // by this call
	at := x.size
	for i := range docs {
		d := &docs[i]
		was, ok := added[string(d.ID)]
		if !ok {
			was, ok = x.rows[string(d.ID)]
		}
		if reason := invalid(d); reason != "" {
			decided[i] = sinks.Verdict{Outcome: sinks.Rejected, Status: 400, Type: "invalid_document", Reason: reason}
			continue
		}
		var version int64
		if decided[i], version = decide(i, was, ok && !was.deleted); decided[i].Outcome != sinks.Undecided {
			continue
		}
		from := len(x.line)
		var err error
		if x.line, err = appendLine(x.line, d, version); err != nil {
			return sinks.Receipt{}, err
		}
		length := len(x.line) - from
		added[string(d.ID)] = lineRef{at: at, length: length, version: version, deleted: d.Body == nil}
		at += int64(length)
		decided[i].Outcome = sinks.Written
		if d.Body == nil {
			decided[i].Outcome = sinks.Deleted
		}
	}
	if _, err := x.file.WriteAt(x.line, x.size); err != nil {
		return sinks.Receipt{}, fmt.Errorf("write to %s: %w", x.file.Name(), err)
	}
	for id, p := range added {
		x.book(id, p)
	}
	x.size = at
	copy(verdicts, decided)
	return sinks.Receipt{Took: max(time.Since(start), 1), Bytes: int64(max(len(x.line), 1)), Requests: 1}, nil
}

// Seal puts the file on disk.
func (x *index) Seal(context.Context, func(string)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.file.Sync(); err != nil {
		return fmt.Errorf("put %s on disk: %w", x.file.Name(), err)
	}
	return nil
}

// Note replaces the meta; there are no settings to restore.
func (x *index) Note(ctx context.Context, m sinks.Meta) error {
	if err := x.Seal(ctx, nil); err != nil {
		return err
	}
	return x.target.writeMeta(x.name, m)
}

// Count says how many documents there are.
func (x *index) Count(context.Context) (int64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.liveCount, nil
}

// pageDocuments is how many documents a scan hands out at once.
const pageDocuments = 1000

// Scan reads the documents of a part, by hash of the id, in the order of the file.
func (x *index) Scan(ctx context.Context, part, parts int, fn func([]sinks.Document) error) error {
	page := make([]sinks.Document, 0, pageDocuments)
	for refs := range slices.Chunk(x.refs(part, parts), pageDocuments) {
		if err := ctx.Err(); err != nil {
			return err
		}
		page = page[:0]
		for _, p := range refs {
			d, err := x.read(p)
			if err != nil {
				return err
			}
			page = append(page, d)
		}
		if err := fn(page); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (x *index) refs(part, parts int) []lineRef {
	x.mu.Lock()
	defer x.mu.Unlock()
	var list []lineRef
	for id, p := range x.rows {
		hash := fnv.New32a()
		_, _ = io.WriteString(hash, id) // never fails
		if !p.deleted && int64(hash.Sum32())%int64(parts) == int64(part) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b lineRef) int { return int(a.at - b.at) })
	return list
}

func (x *index) read(p lineRef) (sinks.Document, error) {
	raw := make([]byte, p.length)
	var l line
	_, err := x.file.ReadAt(raw, p.at)
	if err == nil {
		err = json.Unmarshal(raw, &l)
	}
	if err != nil {
		return sinks.Document{}, fmt.Errorf("%s at byte %d: %w", x.file.Name(), p.at, err)
	}
	d := sinks.Document{ID: []byte(l.ID), Version: l.Version, Body: l.Body}
	if l.Routing != nil {
		d.Routing = []byte(*l.Routing)
	}
	return d, nil
}
