package fence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"humpty/internal/crashpoint"
	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// legacySuffix ends the alias that versions before this one wrote through, all writers alike.
const legacySuffix = "-load"

// LongestSuffix is how many bytes an alias of a writer has behind the name of its index.
const LongestSuffix = len("-w1767225600000")

// Alias is what a writer writes through.
func Alias(index string, number int64) string {
	return index + "-w" + strconv.FormatInt(number, 10)
}

// IsWriters tells whether an alias is one that an index is written through.
func IsWriters(index, alias string) bool {
	rest, ok := strings.CutPrefix(alias, index+"-w")
	if !ok {
		return alias == index+legacySuffix
	}
	_, err := strconv.ParseInt(rest, 10, 64)
	return err == nil
}

// Fence is what this process may write to an index through, and how it shuts others out.
type Fence struct {
	client  *transport.Client
	numbers *Numbers
	index   string
	path    string // of the index

	mu    sync.Mutex
	alias string // "": none
	role  sinks.WriterRole
}

// New is the fence of an index; there is no alias to write through yet.
func New(client *transport.Client, numbers *Numbers, index string) *Fence {
	return &Fence{client: client, numbers: numbers, index: index, path: "/" + url.PathEscape(index)}
}

// Use has what is written go through an alias that was made with the index.
func (f *Fence) Use(alias string) { f.set(alias, sinks.LeaseWriter) }

func (f *Fence) set(alias string, role sinks.WriterRole) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.alias, f.role = alias, role
}

// Alias is what is written through now; "" where nothing may be written.
func (f *Fence) Alias() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.alias
}

// BeginWriter implements sinks.WriterFence.
func (f *Fence) BeginWriter(ctx context.Context, role sinks.WriterRole) error {
	take, err := f.others(ctx, role)
	if err != nil {
		return err
	}
	given, err := f.replace(ctx, f.Alias(), take, role)
	if err != nil {
		return err
	}
	f.set(given, role)
	return nil
}

// NextWriter implements sinks.WriterFence.
func (f *Fence) NextWriter(ctx context.Context) (sinks.AliasAction, error) {
	number, err := f.numbers.Next(ctx)
	if err != nil {
		return sinks.AliasAction{}, err
	}
	hidden := true
	f.Use(Alias(f.index, number))
	return sinks.AliasAction{Verb: "add", Index: f.index, Alias: f.Alias(), Hidden: &hidden}, nil
}

// EndWriter implements sinks.WriterFence.
func (f *Fence) EndWriter(ctx context.Context) error {
	own := f.Alias()
	if own == "" {
		return nil
	}
	closed, err := f.replace(ctx, own, nil, f.role)
	if err != nil {
		return err
	}
	f.set("", f.role)
	return f.drop(ctx, closed)
}

// ShutOut takes away the aliases of a role's writers that an index has, of any process, and waits
// until nothing of theirs is under way. Where there are none it does nothing: a process that takes
// aliases away leaves one until all is done.
func (f *Fence) ShutOut(ctx context.Context, role sinks.WriterRole) error {
	take, err := f.others(ctx, role)
	if err != nil || len(take) == 0 {
		return err
	}
	closed, err := f.replace(ctx, "", take, role)
	if err != nil {
		return err
	}
	return f.drop(ctx, closed)
}

// drop takes an alias away that nobody was ever given. That needs no confirmation.
func (f *Fence) drop(ctx context.Context, alias string) error {
	_, err := f.change(ctx, transport.DefaultRetry, f.remove(alias, false))
	var no *transport.ResponseError
	if err != nil && !(errors.As(err, &no) && no.Status == http.StatusNotFound) {
		return f.client.Explain("take away alias "+alias, err)
	}
	crashpoint.At("writer ended")
	return nil
}

// others are the aliases of a role's writers but this one.
func (f *Fence) others(ctx context.Context, role sinks.WriterRole) ([]string, error) {
	all, err := f.aliases(ctx)
	if err != nil {
		return nil, err
	}
	own := f.Alias()
	var take []string
	for _, alias := range slices.Sorted(maps.Keys(all)) {
		mine := all[alias] == string(role) || alias == f.index+legacySuffix
		if mine && alias != own && IsWriters(f.index, alias) {
			take = append(take, alias)
		}
	}
	return take, nil
}

// aliases are those of the index, with what says the role of a writer: no search goes through
// its alias, so that the routing of searches has no other use.
func (f *Fence) aliases(ctx context.Context) (map[string]string, error) {
	var all map[string]struct {
		Aliases map[string]struct {
			Role string `json:"search_routing"`
		} `json:"aliases"`
	}
	if _, err := f.client.Get(ctx, f.path+"/_alias?expand_wildcards=all", &all); err != nil {
		return nil, f.client.Explain("read the aliases of index "+f.index, err)
	}
	has, ok := all[f.index]
	if !ok { // one without aliases has an empty list
		return nil, fmt.Errorf("read the aliases of index %s: the answer is not about it", f.index)
	}
	roles := map[string]string{}
	for alias, of := range has.Aliases {
		roles[alias] = of.Role
	}
	return roles, nil
}

// confirmedWithin is how long the cluster is asked to confirm that an alias is gone. A node that does not
// apply a state is taken out of the cluster long before.
const confirmedWithin = 5 * time.Minute

// replace takes aliases away and gives a new one, in one change of the cluster's state that
// every node has confirmed, and waits until nothing is under way that was taken before. own,
// unless it is "", must be there.
//
// Each attempt gives another alias. A change that changes nothing is confirmed at once, also
// while a node has not applied the attempt before it.
func (f *Fence) replace(ctx context.Context, own string, take []string, role sinks.WriterRole) (string, error) {
	var pause transport.Backoff
	for began := time.Now(); ; {
		number, err := f.numbers.Next(ctx)
		if err != nil {
			return "", err
		}
		given := Alias(f.index, number)
		add := map[string]any{"index": f.index, "alias": given, "is_hidden": true}
		if role != "" {
			add["search_routing"] = string(role)
		}
		change := []map[string]any{{"add": add}}
		for _, alias := range take {
			change = append(change, f.remove(alias, false))
		}
		if own != "" {
			change = append(change, f.remove(own, true))
		}
		confirmed, err := f.change(ctx, 0, change...)
		if confirmed {
			crashpoint.At("writer's alias changed")
			err := f.drained(ctx)
			crashpoint.At("writes ended")
			return given, err
		}
		if err != nil && !transport.IsUnavailable(err) {
			return "", f.missing(err)
		}
		if lasted := time.Since(began); lasted > confirmedWithin || err != nil && lasted > transport.DefaultRetry {
			return "", f.unconfirmed(err)
		}
		if err := transport.Wait(ctx, pause.Next()); err != nil {
			return "", err
		}
		if own, err = f.present(ctx, own, given); err != nil { // the attempt may have taken effect, or may still
			return "", err
		}
		take = append(take, given)
	}
}

// change asks for a change of aliases, and says whether every node has confirmed it. That an
// alias which need not be there was not there is an error only by its name in the answer.
func (f *Fence) change(ctx context.Context, retryFor time.Duration, actions ...map[string]any) (confirmed bool, err error) {
	body, err := json.Marshal(map[string]any{"actions": actions})
	if err != nil {
		return false, err
	}
	var a transport.Acknowledgement
	err = f.client.Call(ctx, transport.Request{Method: http.MethodPost, Path: "/_aliases", Body: body, RetryFor: retryFor}, &a)
	return err == nil && a.Acknowledged, err
}

func (f *Fence) unconfirmed(err error) error {
	if err != nil {
		return err
	}
	return &transport.Error{
		Kind: transport.Failed, What: "not every node has confirmed within " + confirmedWithin.String() + " that a writer of index " + f.index + " is shut out",
		Remedy: "look for a node that is slow to apply the cluster's state: GET /_cluster/health, GET /_cat/pending_tasks",
	}
}

// missing says that an alias of ours is gone, if that is what an error means.
func (f *Fence) missing(err error) error {
	var no *transport.ResponseError
	if !errors.As(err, &no) || no.Status != http.StatusNotFound || no.Type == transport.IndexNotFoundException {
		return f.client.Explain("take a writer's alias of index "+f.index, err)
	}
	return Shut(f.index, 0)
}

// Shut is the error of a writer that was shut out, with so many documents that have no verdict.
func Shut(index string, undecided int) *transport.Error {
	return &transport.Error{
		Kind: transport.Guard, What: fmt.Sprintf("write to index %s: %d documents are without a verdict", index, undecided), Err: &sinks.Fenced{Index: index},
		Remedy: "look who is at work: `humpty status`; if none is, resume the run: `humpty resume`",
	}
}

// present is which of two aliases is there: an attempt whose answer was lost may have put the
// second in the place of the first.
func (f *Fence) present(ctx context.Context, own, given string) (string, error) {
	if own == "" {
		return "", nil
	}
	there, err := f.There(ctx, own, given)
	switch {
	case err != nil:
		return "", err
	case len(there) == 0:
		return "", Shut(f.index, 0)
	}
	return there[0], nil
}

// There says which of some aliases the index has, by the state of the node that decides on it.
func (f *Fence) There(ctx context.Context, some ...string) ([]string, error) {
	var a struct {
		Metadata struct {
			Indices map[string]struct {
				Aliases []string `json:"aliases"`
			} `json:"indices"`
		} `json:"metadata"`
	}
	path := "/_cluster/state/metadata" + f.path + "?filter_path=metadata.indices.*.aliases"
	if _, err := f.client.Get(ctx, path, &a); err != nil {
		return nil, f.client.Explain("read the aliases of index "+f.index, err)
	}
	has := a.Metadata.Indices[f.index].Aliases
	return slices.DeleteFunc(slices.Clone(some), func(alias string) bool { return !slices.Contains(has, alias) }), nil
}

func (f *Fence) remove(alias string, must bool) map[string]any {
	return map[string]any{"remove": map[string]any{"index": f.index, "alias": alias, "must_exist": must}}
}
