package write

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"humpty/internal/problem"
	"humpty/sinks"
	"humpty/sources"
)

// SameVersions refuses to write to a generation whose documents have other versions than the
// definition asks for: the larger ones would keep out the others for good.
func SameVersions(g sinks.Generation, projection, versions string) error {
	if (g.Meta.Versions == sinks.ByRow) == (versions == sinks.ByRow) {
		return nil
	}
	has, asked := "humpty's own", "those of their rows (version: column)"
	if versions != sinks.ByRow {
		has, asked = asked, has
	}
	return &problem.Refusal{
		Why:    fmt.Sprintf("the versions of the documents of %s are %s, and the definition asks for %s: they cannot be mixed in one index", g.Name, has, asked),
		Remedy: "fill a new generation: humpty rebuild " + projection + "; or put version: back to what it was",
	}
}

// VersionBehind is the type of a rejection: the index holds a version that the row has not reached.
const VersionBehind = "version_behind"

// IsBehind says why a document cannot be written whose row has a smaller version than the index
// had when it was read before the row was. Whatever wrote the index had it from the row, so the
// version of the row went back: it was deleted and inserted again, or its column was set.
func IsBehind(row, index int64) string {
	return fmt.Sprintf("its row has version %d, and the index has version %d already: the version column of the row went back. "+
		"Raise it above %d; or rebuild, a new index takes any version", row, index, index)
}

// behindUnseen is why a document is refused of which the index shows no version.
func behindUnseen(row int64) string {
	return "its row has version " + strconv.FormatInt(row, 10) + ", and the index had a newer one already, which it remembers of a deleted document for index.gc_deletes: " +
		"the version column of the row went back. Try again later (humpty follow does); or raise it"
}

// refuseSuperseded rejects what a load could not write. Nothing but the load writes to its index.
func refuseSuperseded(docs []sinks.Document, verdicts []sinks.Verdict) {
	for i := range verdicts {
		if verdicts[i].Outcome == sinks.Superseded {
			verdicts[i] = behind("its row has version " + strconv.FormatInt(docs[i].Version, 10) +
				", and the index has a newer one: the version column went back, or the source lost what was committed. Rebuild: a new index takes any version")
		}
	}
}

func behind(reason string) sinks.Verdict {
	return sinks.Verdict{Outcome: sinks.Rejected, Type: VersionBehind, Reason: reason}
}

// Stored are the versions that an index had before its source was read, by id; a document
// that is missing was not there.
type Stored map[string]int64

// ReadStored reads the versions of some documents.
func ReadStored(ctx context.Context, index sinks.Getter, ids [][]byte) (Stored, error) {
	keys, found := make([]sinks.Key, len(ids)), make([]sinks.Found, len(ids))
	for i, id := range ids {
		keys[i].ID = id
	}
	if err := index.Get(ctx, keys, found); err != nil {
		return nil, fmt.Errorf("read the versions of %d documents: %w", len(ids), err)
	}
	return StoredOf(found), nil
}

// StoredOf are the versions of what was read.
func StoredOf(found []sinks.Found) Stored {
	s := make(Stored, len(found))
	for i := range found {
		if found[i].There {
			s[string(found[i].ID)] = found[i].Version
		}
	}
	return s
}

// Refuse rejects what was superseded though nothing newer was stored.
func (s Stored) Refuse(docs []sinks.Document, verdicts []sinks.Verdict) {
	for i := range verdicts {
		if _, there := s[string(docs[i].ID)]; verdicts[i].Outcome == sinks.Superseded && !there {
			verdicts[i] = behind(behindUnseen(docs[i].Version))
		}
	}
}

// Rows writes what was read of so many ids since a moment, behind the stored versions, each with
// the version of its row and a deletion with the stored one. Newer are those whose write was
// superseded though nothing newer was stored. The last try refuses them.
func (w *Writer) Rows(ctx context.Context, batch *sources.Batch, asked int, stored Stored, last bool, since time.Time) (done Written, err error) {
	docs := Documents(nil, batch.Records, 0)
	verdicts := make([]sinks.Verdict, len(docs))
	var send []sinks.Document
	var at []int
	for i := range docs {
		d := &docs[i]
		was, there := stored[string(d.ID)]
		switch {
		case d.Body == nil && !there:
			verdicts[i].Outcome = sinks.Deleted
			continue
		case d.Body == nil:
			d.Version, d.Versioned = was, true
		case there && d.Version < was:
			verdicts[i] = behind(IsBehind(d.Version, was))
			continue
		}
		send, at = append(send, *d), append(at, i)
	}
	receipt := sinks.Receipt{}
	sent := make([]sinks.Verdict, len(send))
	if len(send) > 0 {
		receipt, err = w.Throttle.Do(ctx, send, since, func() (sinks.Receipt, error) { return w.Index.Write(ctx, send, sent) })
	}
	if last {
		stored.Refuse(send, sent)
	}
	for i, v := range sent {
		if _, there := stored[string(send[i].ID)]; v.Outcome == sinks.Superseded && !there {
			done.Newer = append(done.Newer, send[i].ID)
		}
		verdicts[at[i]] = v
	}
	done.Unknown = unknown(receipt)
	return done, w.book(batch, asked, docs, verdicts, receipt, err)
}
