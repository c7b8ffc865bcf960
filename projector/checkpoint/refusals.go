package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/crashpoint"
	"humpty/internal/deadletter"
	"humpty/internal/statedb"
	"humpty/projector/ledger"
)

// The documents that are refused lie between these keys.
var (
	refusedFrom = []byte("x/")
	refusedTo   = []byte("x0")
)

// keyRefusalsKept is there once all refusals of a run are kept: those of its load, too.
var keyRefusalsKept = []byte("s/refused")

// Refusals keeps which documents of a run are refused, and writes a letter for each of them
// that has none. It is safe for concurrent use.
type Refusals struct {
	store   *Store
	letters *deadletter.Writer // may be nil
	mu      sync.Mutex
}

// refusal is how one is kept: with its letter until that is written.
type refusal struct {
	ledger.Rejection
	Letter *deadletter.Letter `json:"letter,omitempty"`
}

// NewRefusals keeps refusals in a store. letters may be nil: then the caller writes them.
func NewRefusals(store *Store, letters *deadletter.Writer) *Refusals {
	return &Refusals{store: store, letters: letters}
}

// Load returns what is kept, and whether it is all that is refused. Letters that a crash kept
// from being written are written.
func (r *Refusals) Load() (all []ledger.Rejection, complete bool, err error) {
	var unwritten []deadletter.Letter
	err = statedb.Each(r.store.db, refusedFrom, refusedTo, func(key, value []byte) error {
		var one refusal
		if err := json.Unmarshal(value, &one); err != nil {
			return fmt.Errorf("the refusal of document %s cannot be read: %w", key[len(refusedFrom):], err)
		}
		one.ID = string(key[len(refusedFrom):])
		all = append(all, one.Rejection)
		if one.Letter != nil {
			unwritten = append(unwritten, *one.Letter)
		}
		return nil
	})
	if err == nil {
		unwritten, err = r.withoutLetter(unwritten)
	}
	for _, letter := range unwritten {
		err = errors.Join(err, r.letters.Put(letter))
	}
	if err != nil {
		return nil, false, fmt.Errorf("read which documents are refused: %w", err)
	}
	mark, err := r.store.get(keyRefusalsKept)
	return all, mark != nil, err
}

// withoutLetter leaves out the letters that are in a file already: the process died when it
// had written them.
func (r *Refusals) withoutLetter(all []deadletter.Letter) (missing []deadletter.Letter, err error) {
	written := map[string]bool{}
	if len(all) > 0 && r.letters.Path() != "" {
		files, err := deadletter.Files(filepath.Dir(r.letters.Path()))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			err := deadletter.Read(file, func(l deadletter.Letter) error {
				if l.Document != nil {
					written[l.Index+"\x00"+l.ID+"\x00"+l.Reason] = true
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	for _, l := range all {
		if !written[l.Index+"\x00"+l.ID+"\x00"+l.Reason] {
			missing = append(missing, l)
		}
	}
	return missing, nil
}

// Keep makes durable what has changed of the refusals, and then writes the letters of those
// that are new.
func (r *Refusals) Keep(refusals *ledger.Refusals) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := refusals.TakeChanges()
	if len(changes) == 0 {
		return nil
	}
	if err := r.write(changes, pebble.Sync); err != nil {
		return err
	}
	crashpoint.At("refusals kept")
	var written []ledger.RefusalChange
	for _, c := range changes {
		if c.Letter == nil {
			continue
		}
		if err := r.letters.Put(*c.Letter); err != nil {
			return err
		}
		c.Letter = nil
		written = append(written, c)
	}
	if len(written) == 0 {
		return nil
	}
	crashpoint.At("letters written")
	return r.write(written, pebble.NoSync)
}

// KeepAll keeps all refusals, in place of what was kept.
func (r *Refusals) KeepAll(refusals *ledger.Refusals) error {
	if err := r.store.db.DeleteRange(refusedFrom, refusedTo, pebble.NoSync); err != nil {
		return fmt.Errorf("keep which documents are refused: %w", err)
	}
	var all []ledger.RefusalChange
	for _, one := range refusals.First(-1) {
		all = append(all, ledger.RefusalChange{Rejection: one})
	}
	if err := r.write(all, pebble.NoSync); err != nil {
		return err
	}
	if err := r.store.db.Set(keyRefusalsKept, []byte{1}, pebble.Sync); err != nil { // with all that was kept before it
		return fmt.Errorf("keep which documents are refused: %w", err)
	}
	refusals.TakeChanges()
	return nil
}

func (r *Refusals) write(changes []ledger.RefusalChange, how *pebble.WriteOptions) error {
	batch := r.store.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	for _, c := range changes {
		key := append(bytes.Clone(refusedFrom), c.ID...)
		if c.Settled {
			if err := batch.Delete(key, nil); err != nil {
				return err
			}
			continue
		}
		value, err := json.Marshal(refusal{c.Rejection, c.Letter})
		if err == nil {
			err = batch.Set(key, value, nil)
		}
		if err != nil {
			return err
		}
	}
	if err := batch.Commit(how); err != nil {
		return fmt.Errorf("keep which documents are refused: %w", err)
	}
	return nil
}

// Refused is what a process that keeps a generation up to date says of what it could not
// write, for those that cannot open its store meanwhile.
type Refused struct {
	Generation string             `json:"generation"`
	At         time.Time          `json:"at"`
	Documents  []ledger.Rejection `json:"documents"`        // that are refused now
	Poison     int64              `json:"poison,omitempty"` // events that could not be read or applied
	Aside      string             `json:"aside,omitempty"`  // why the projection is set aside
}

// refusedFile is in the folder of the store.
const refusedFile = "refused.json"

// Publish replaces what is said of a run, in one step.
func (r *Refusals) Publish(now Refused) error {
	if now.Documents == nil {
		now.Documents = []ledger.Rejection{}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	path := r.store.fs.PathJoin(r.store.dir, refusedFile)
	if err := replaceFile(r.store.fs, path, text); err != nil {
		return fmt.Errorf("say which documents are refused: %w", err)
	}
	return nil
}

func replaceFile(disk vfs.FS, path string, text []byte) error {
	file, err := disk.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return disk.Rename(path+".new", path)
}

// ReadRefused reads what was said last in the folder of a store; nil for nothing.
func ReadRefused(dir string) (*Refused, error) {
	path := filepath.Join(dir, refusedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var r Refused
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return nil, fmt.Errorf("read which documents are refused, in %s: %w", path, err)
	}
	return &r, nil
}
