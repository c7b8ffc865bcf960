package elastic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// durability tells whether the target still has what it confirmed.
type durability struct {
	*metaRecord

	mu       sync.Mutex
	lastLook map[string]history // by shard, at the last look
}

// history is what a shard says about the writes that it has.
type history struct {
	uuid     string // another one when it was made anew from an old or an empty copy
	maxSeqNo int64  // the number of its last write; lower when it has lost some
}

// CheckDurability makes sure that no shard was lost or restarted while its writes were not on disk:
// with no copies and a translog that is written behind, acknowledged documents may then be
// gone. A fresh shard's primary term is 1, and grows with each such event; beside that, the
// history of a shard must stay the one that it was, and the number of its last write must
// not go back.
func (x *durability) CheckDurability(ctx context.Context) error {
	if !x.loading() || x.suspectsLoss() {
		return nil
	}
	if err := x.checkTerms(ctx); err != nil {
		return err
	}
	is, err := x.histories(ctx)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for shard, h := range is {
		was, seen := x.lastLook[shard]
		switch {
		case seen && h.uuid != was.uuid:
			return x.lossError(fmt.Sprintf("shard %s of index %s has another history than before: it was made anew", shard, x.name))
		case seen && h.maxSeqNo < was.maxSeqNo:
			return x.lossError(fmt.Sprintf("shard %s of index %s has %d writes less than before", shard, x.name, was.maxSeqNo-h.maxSeqNo))
		}
	}
	if x.lastLook == nil {
		x.lastLook = is
	}
	maps.Copy(x.lastLook, is) // of a shard without a node nothing is known now
	return nil
}

func (x *durability) lossError(what string) error {
	return &Error{Kind: Failed, What: what + " (a node was lost or restarted)", Err: &sinks.ErrWritesLost{}, Remedy: "begin a new rebuild; the alias is as it was"}
}

// checkTerms looks at the shards' primary terms.
func (x *durability) checkTerms(ctx context.Context) error {
	var a struct {
		Metadata struct {
			Indices map[string]struct {
				Terms    map[string]int64 `json:"primary_terms"`
				Settings struct {
					Index struct {
						UUID string `json:"uuid"`
					} `json:"index"`
				} `json:"settings"`
			} `json:"indices"`
		} `json:"metadata"`
	}
	path := "/_cluster/state/metadata" + x.path + "?filter_path=metadata.indices.*.primary_terms,metadata.indices.*.settings.index.uuid"
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return x.Explain("read the primary terms of "+x.name, err)
	}
	is := a.Metadata.Indices[x.name]
	if is.Settings.Index.UUID != x.uuid {
		return transport.Guardf("begin a new rebuild; the alias is as it was", "index %s was deleted and made again by somebody else: what was loaded is gone", x.name)
	}
	for shard, term := range is.Terms {
		if term > 1 {
			return x.lossError(fmt.Sprintf("shard %s of index %s was restarted during the load", shard, x.name))
		}
	}
	return nil
}

// histories are those of the primaries that have a node now.
func (x *durability) histories(ctx context.Context) (map[string]history, error) {
	var a struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				Routing struct {
					Primary bool `json:"primary"`
				} `json:"routing"`
				Commit struct {
					User struct {
						History string `json:"history_uuid"`
					} `json:"user_data"`
				} `json:"commit"`
				Sequence struct {
					Most int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			} `json:"shards"`
		} `json:"indices"`
	}
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: x.path + "/_stats/docs?level=shards", RetryFor: transport.DefaultRetry}, &a); err != nil {
		var no *transport.ResponseError
		if errors.As(err, &no) && no.Status == http.StatusForbidden {
			return nil, nil // the primary terms have to do
		}
		return nil, x.Explain("read the histories of the shards of "+x.name, err)
	}
	all := map[string]history{}
	for shard, copies := range a.Indices[x.name].Shards {
		for _, c := range copies {
			if c.Routing.Primary {
				all[shard] = history{uuid: c.Commit.User.History, maxSeqNo: c.Sequence.Most}
			}
		}
	}
	return all, nil
}
