package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// leases keeps one owner for the alias: a document in leaseIndex, changed by compare-and-set.
type leases struct{ *cluster }

// leaseIndex holds one document for each alias that was ever worked on.
const leaseIndex = "humpty-leases"

const leaseDefinition = `{
	"settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1", "hidden": true}},
	"mappings": {"dynamic": false, "_meta": {"about": "who works on which alias; see humpty's documentation"}}
}`

// Take gives the lease to owner if it is as it was seen.
func (ls leases) Take(ctx context.Context, seen sinks.Lease, owner sinks.Owner, ttl time.Duration) (sinks.Lease, error) {
	if err := ls.CheckIdentity(ctx); err != nil {
		return sinks.Lease{}, err
	}
	now := time.Now().UTC()
	taken, err := ls.store(ctx, sinks.Lease{Owner: owner, Fence: seen.Fence + 1, Epoch: seen.Epoch, Since: now, Expires: now.Add(ttl), Token: seen.Token})
	if !isConflict(err) {
		return taken, err
	}
	stored, err := ls.Holder(ctx)
	switch {
	case err != nil:
		return sinks.Lease{}, err
	case stored.Owner == owner && stored.Fence == seen.Fence+1:
		return stored, nil // an earlier attempt of this call took it
	}
	return sinks.Lease{}, &sinks.Held{Lease: stored}
}

// Renew prolongs a lease.
func (ls leases) Renew(ctx context.Context, l sinks.Lease, ttl time.Duration) (sinks.Lease, error) {
	return ls.update(ctx, l, func(stored sinks.Lease) sinks.Lease {
		l.Expires, l.Epoch = time.Now().Add(ttl).UTC(), max(l.Epoch, stored.Epoch)
		return l
	})
}

// Release gives a lease back; one that was taken over already is let alone.
func (ls leases) Release(ctx context.Context, l sinks.Lease) error {
	_, err := ls.update(ctx, l, func(stored sinks.Lease) sinks.Lease {
		l.Expires, l.Epoch = time.Time{}, max(l.Epoch, stored.Epoch)
		return l
	})
	var held *sinks.Held
	if errors.As(err, &held) {
		return nil
	}
	return err
}

// update changes a lease that is still l's: the same fence is the same acquisition,
// whatever attempts of this call did before.
func (ls leases) update(ctx context.Context, l sinks.Lease, change func(stored sinks.Lease) sinks.Lease) (sinks.Lease, error) {
	for {
		stored, err := ls.Holder(ctx)
		if err != nil {
			return l, err
		}
		if stored.Fence != l.Fence || stored.Owner != l.Owner {
			return l, &sinks.Held{Lease: stored}
		}
		next := change(stored)
		next.Token = stored.Token
		renewed, err := ls.store(ctx, next)
		if err == nil || !isConflict(err) {
			return renewed, err
		}
	}
}

// Holder reads the lease; the zero Lease if there never was one.
func (ls leases) Holder(ctx context.Context) (sinks.Lease, error) {
	var a struct {
		ID     string          `json:"_id"`
		Found  bool            `json:"found"`
		Seq    int64           `json:"_seq_no"`
		Term   int64           `json:"_primary_term"`
		Source json.RawMessage `json:"_source"`
	}
	found, err := ls.Get(ctx, ls.leasePath("_doc"), &a)
	if err != nil {
		return sinks.Lease{}, ls.Explain("read the lease of alias "+ls.cfg.Alias, err)
	}
	if !found {
		return sinks.Lease{}, nil
	}
	if a.ID != ls.cfg.Alias { // an answer that says nothing is not one of a lease that is free
		return sinks.Lease{}, transport.Failedf("read the lease of alias %s: the answer is about document %q", ls.cfg.Alias, a.ID)
	}
	if !a.Found {
		return sinks.Lease{}, nil
	}
	token := fmt.Sprintf("?if_seq_no=%d&if_primary_term=%d", a.Seq, a.Term)
	l, err := decodeLease(a.Source)
	if err != nil {
		return sinks.Lease{}, &sinks.DamagedLease{Where: "document " + ls.cfg.Alias + " of index " + leaseIndex, Why: err.Error(), Seen: sinks.Lease{Token: token}}
	}
	l.Token = token
	return l, nil
}

// The bounds of a lease: another program may have written it.
const (
	longestName  = 512
	longestDoing = 64 << 10
)

// decodeLease reads a lease. Its numbers become versions of documents, so they are bounded.
func decodeLease(raw []byte) (l sinks.Lease, err error) {
	if err := json.Unmarshal(raw, &l); err != nil {
		return sinks.Lease{}, fmt.Errorf("it does not read: %w", err)
	}
	o := l.Owner
	switch {
	case o.Run == "":
		err = errors.New("it names no run")
	case max(len(o.Run), len(o.Host), len(o.User), len(o.Verb)) > longestName:
		err = fmt.Errorf("a name in it is longer than %d bytes", longestName)
	case len(l.Doing) > longestDoing:
		err = fmt.Errorf("it says what its run does in more than %d bytes", longestDoing)
	case l.Fence < 1 || l.Fence > sinks.MaxEpoch:
		err = fmt.Errorf("its fencing number is %d", l.Fence)
	case l.Epoch < 0 || l.Epoch > sinks.MaxEpoch:
		err = fmt.Errorf("its epoch is %d", l.Epoch)
	}
	if err != nil {
		return sinks.Lease{}, err
	}
	return l, nil
}

func (ls leases) leasePath(verb string) string {
	return "/" + leaseIndex + "/" + verb + "/" + url.PathEscape(ls.cfg.Alias)
}

// store puts l over the document that its token names, or as the first.
func (ls leases) store(ctx context.Context, l sinks.Lease) (sinks.Lease, error) {
	path := ls.leasePath("_create")
	if l.Token != "" {
		path = ls.leasePath("_doc") + l.Token
	} else if err := ls.ensureIndex(ctx); err != nil {
		return l, err
	}
	body, err := json.Marshal(l)
	if err != nil {
		return l, fmt.Errorf("encode a lease: %w", err)
	}
	var a struct {
		Seq  int64 `json:"_seq_no"`
		Term int64 `json:"_primary_term"`
	}
	if err := ls.Call(ctx, transport.Request{Method: http.MethodPut, Path: path, Body: body, RetryFor: transport.DefaultRetry}, &a); err != nil {
		if isConflict(err) {
			return l, err
		}
		return l, ls.Explain("write the lease of alias "+ls.cfg.Alias+" to index "+leaseIndex, err)
	}
	l.Token = fmt.Sprintf("?if_seq_no=%d&if_primary_term=%d", a.Seq, a.Term)
	return l, nil
}

func isConflict(err error) bool {
	var no *transport.ResponseError
	return errors.As(err, &no) && no.Status == http.StatusConflict
}

// ensureIndex makes the index of the leases if it is not there: explicitly, since one that
// is made by the first document would map it by guess.
func (ls leases) ensureIndex(ctx context.Context) error {
	err := ls.Change(ctx, http.MethodPut, "/"+leaseIndex, []byte(leaseDefinition))
	var no *transport.ResponseError
	if err == nil || errors.As(err, &no) && no.Type == "resource_already_exists_exception" {
		return nil
	}
	return ls.Explain("create index "+leaseIndex+", which keeps two rebuilds apart", err)
}
