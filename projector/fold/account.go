package fold

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/statedb"
	"humpty/sources"
)

// account is what became of the offsets of each partition of a log: all of them were read, or
// a broker said what they are. It is made of the batches that were taken in, not of what a
// reader says that it gave.
type account struct {
	limit func(partition string) int64 // what lies at or behind it is left to another account; nil: nothing

	mu  sync.Mutex
	all map[string]sources.OffsetCounts // by partition
}

// begin opens the account of a partition that is read from an offset on.
func (a *account) begin(partition string, from sources.Position) {
	offset, err := sources.OffsetOf(from)
	if err != nil {
		return // its positions are no offsets
	}
	a.set(partition, sources.OffsetCounts{From: offset, To: offset})
}

func (a *account) set(partition string, c sources.OffsetCounts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]sources.OffsetCounts{}
	}
	a.all[partition] = c
}

// until is where the account of a partition ends.
func (a *account) until(partition string) int64 {
	if a.limit == nil {
		return math.MaxInt64
	}
	return a.limit(partition)
}

// add books a batch before it is taken in.
func (a *account) add(partition string, batch *sources.Batch) error {
	until := a.until(partition)
	a.mu.Lock()
	defer a.mu.Unlock()
	c, open := a.all[partition]
	if !open {
		return nil
	}
	if len(batch.Records) > 0 && batch.Offsets.To == batch.Offsets.From { // this log does not tell
		delete(a.all, partition)
		return nil
	}
	if err := c.Add(batch, until); err != nil {
		return fmt.Errorf("the ledger of offsets does not add up: %w", err)
	}
	a.all[partition] = c
	return nil
}

// ended is an error if a partition was not read to its end.
func (a *account) ended(partition string, end sources.Position) error {
	c, open := a.of(partition)
	if offset, err := sources.OffsetOf(end); open && err == nil && c.To < min(offset, a.until(partition)) {
		return fmt.Errorf("the ledger of offsets does not add up: it was read to offset %d, and ends at %d", c.To, offset)
	}
	return nil
}

func (a *account) of(partition string) (c sources.OffsetCounts, open bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, open = a.all[partition]
	return c, open
}

// counts are those of all partitions.
func (a *account) counts() map[string]sources.OffsetCounts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.all)
}

// Whose account it is that the store has under a partition.
const (
	ofTail   = 0
	ofReplay = 1
)

// putAccount keeps the account of a partition in one step with the rest of a batch.
func putAccount(to *pebble.Batch, source int, whose int64, a *account, partition string) error {
	c, open := a.of(partition)
	if !open {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep the ledger of offsets: %w", err)
	}
	return to.Set(storeKey(offsetsPrefix, eventID{uint16(source), whose}), text, nil)
}

// getAccount reads what putAccount kept.
func (s *eventStore) getAccount(source int, whose int64) (c sources.OffsetCounts, found bool, err error) {
	text, err := statedb.Get(s.db.DB, storeKey(offsetsPrefix, eventID{uint16(source), whose}))
	if err != nil || text == nil {
		return c, false, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, false, fmt.Errorf("the ledger of offsets is damaged: %w", err)
	}
	return c, true, nil
}

// openAccount continues the account of a tail where its position is. An earlier version kept
// none: then it begins there, and says so.
func (s *eventStore) openAccount(source int, at sources.Position) error {
	id := s.parts.Load().inputs[source].partition.ID
	was, found, err := s.getAccount(source, ofTail)
	if err != nil {
		return err
	}
	if offset, err := sources.OffsetOf(at); found && err == nil && offset == was.To {
		s.tails.set(id, was)
		return nil
	}
	s.tails.begin(id, at)
	batch := s.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	if err := putAccount(batch, source, ofTail, &s.tails, id); err != nil {
		return err
	}
	return batch.Commit(pebble.Sync)
}

// replayAccount is an account of a replay: it ends where the tails begin.
func (s *eventStore) replayAccount() *account {
	s.replayed.limit = func(partition string) int64 {
		if c, open := s.tails.of(partition); open {
			return c.From
		}
		return math.MaxInt64
	}
	return &s.replayed
}

// putReplayAccounts keeps those of a replay that is over.
func (s *eventStore) putReplayAccounts(to *pebble.Batch) error {
	for i, in := range s.parts.Load().inputs {
		if err := putAccount(to, i, ofReplay, &s.replayed, in.partition.ID); err != nil {
			return err
		}
	}
	return nil
}

// getReplayAccounts reads what an earlier process kept.
func (s *eventStore) getReplayAccounts() error {
	for i, in := range s.parts.Load().inputs {
		c, found, err := s.getAccount(i, ofReplay)
		if err != nil {
			return err
		}
		if found {
			s.replayed.set(in.partition.ID, c)
		}
	}
	return nil
}

// offsetCounts are those of replay and tail together. Where the tail's account does not begin
// at the end of the replay's, an earlier version read in between, and kept none.
func (s *eventStore) offsetCounts() map[string]sources.OffsetCounts {
	all := s.tails.counts()
	for id, tail := range all {
		if c, found := s.replayed.of(id); found && c.Join(tail) == nil {
			all[id] = c
		}
	}
	return all
}
