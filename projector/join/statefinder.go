package join

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"humpty/projector/fold"
	"humpty/sources"
)

// stateFinder finds the states of a topic by their own fields, as they are now.
type stateFinder struct {
	states      sources.Expander
	array       *fold.Source
	statesByKey linkTable // from the values of the fields to the states that ever had them
	keysByState linkTable // and from a state to these

	mu       sync.Mutex
	rejected map[string]bool // states that no document can be made of
}

// backfill links all states there are, once for all processes of a run.
func (r *stateFinder) backfill(ctx context.Context) error {
	done, err := r.statesByKey.isBackfilled()
	if err != nil || done {
		return err
	}
	_, err = r.states.Expand(ctx, []sources.DirtyKey{{All: true}}, func(keys [][]byte) error {
		_, err := r.updateLinks(ctx, keys)
		return err
	})
	if err != nil {
		return err
	}
	return r.statesByKey.markBackfilled()
}

// updateLinks links states with what they have now, and gives everything they ever had.
func (r *stateFinder) updateLinks(ctx context.Context, states [][]byte) ([][]byte, error) {
	var b sources.Batch
	if err := r.states.Lookup(ctx, states, &b); err != nil {
		return nil, err
	}
	var forth, back []keyLink
	for i := range b.Records {
		by, _, err := r.decodeState(&b.Records[i])
		if err != nil {
			return nil, err
		}
		if by != nil {
			forth, back = append(forth, keyLink{by, b.Records[i].Key}), append(back, keyLink{b.Records[i].Key, by})
		}
	}
	if err := errors.Join(r.statesByKey.add(forth), r.keysByState.add(back)); err != nil {
		return nil, err
	}
	var all [][]byte
	for _, state := range states {
		err := r.keysByState.each(state, func(by []byte) error {
			all = append(all, bytes.Clone(by))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// decodeState is where a state belongs, nil if nowhere, and what is gathered of it.
func (r *stateFinder) decodeState(state *sources.Record) (by, value []byte, err error) {
	r.mu.Lock()
	if state.Reject == "" {
		delete(r.rejected, string(state.Key))
	} else {
		if r.rejected == nil {
			r.rejected = map[string]bool{}
		}
		r.rejected[string(state.Key)] = true
	}
	r.mu.Unlock()
	if state.Deleted || state.Reject != "" {
		return nil, nil, nil
	}
	var d fold.Decoded
	err = r.array.Decoder.Decode(state, &d)
	if errors.Is(err, fold.ErrFiltered) {
		return nil, nil, nil
	}
	return d.Key, d.Value, err
}

func (r *stateFinder) poisonCount() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.rejected))
}

// find reads the states that ever had one of the keys, and takes those that have it now.
func (r *stateFinder) find(ctx context.Context, keys [][]byte, give func(int, []byte, string)) (sources.TxSnapshot, error) {
	var states [][]byte
	known := map[string]int{} // of the states
	of := make([][]int, len(keys))
	for i, key := range keys {
		err := r.statesByKey.each(key, func(state []byte) error {
			n, ok := known[string(state)]
			if !ok {
				n = len(states)
				known[string(state)] = n
				states = append(states, bytes.Clone(state))
			}
			of[i] = append(of[i], n)
			return nil
		})
		if err != nil || ctx.Err() != nil {
			return sources.TxSnapshot{}, errors.Join(err, context.Cause(ctx))
		}
	}
	var b sources.Batch
	if len(states) > 0 {
		if err := r.states.Lookup(ctx, states, &b); err != nil {
			return sources.TxSnapshot{}, err
		}
	}
	found := make([]*sources.Record, len(states))
	for i := range b.Records {
		found[known[string(b.Records[i].Key)]] = &b.Records[i]
	}
	gathering, err := r.array.New()
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	for i, key := range keys {
		if err := r.buildDocument(gathering, key, of[i], found, func(doc []byte, reject string) { give(i, doc, reject) }); err != nil {
			return sources.TxSnapshot{}, fmt.Errorf("key %s: %w", key, err)
		}
	}
	return liveSnapshot(), nil
}

func (r *stateFinder) buildDocument(gathering fold.Fold, key []byte, of []int, found []*sources.Record, give func([]byte, string)) error {
	if err := gathering.Begin(key, nil); err != nil {
		return err
	}
	some := false
	slices.Sort(of)
	for _, n := range of {
		if found[n] == nil {
			continue
		}
		by, value, err := r.decodeState(found[n])
		if err != nil {
			return err
		}
		if by == nil || !bytes.Equal(by, key) {
			continue
		}
		some = true
		if err := gathering.Apply(&fold.Event{Key: key, Value: value}); err != nil {
			return err
		}
	}
	if !some {
		return nil
	}
	doc, _, err := gathering.Append(nil)
	var poison *fold.Poison
	if errors.As(err, &poison) {
		give(nil, poison.Reason)
		return nil
	}
	if err == nil {
		give(doc, "")
	}
	return err
}
