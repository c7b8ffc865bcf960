package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/transport"
)

// preflight finds out, before an index is made, what would fail it or spoil it: rights that
// the account lacks, templates and policies that take the index.
type preflight struct{ *cluster }

// rights is what an account needs for each thing, as the remedy of a 401 or 403.
const rights = `grant the account these rights (Elasticsearch's names; in OpenSearch the like-named action groups):
cluster: monitor
indices %[1]s and %[1]s-*: create_index, write, read, view_index_metadata, manage
    in place of manage, which may delete too: monitor, maintenance, indices:admin/aliases*, indices:admin/settings/update*, indices:admin/mapping/put*, indices:admin/block/add*
    delete_index only for prune and --replace-index
indices ` + leaseIndex + `: create_index, write, read, view_index_metadata`

// right is one of them: a privilege, or what a rebuild does with it, since an account may
// have that by another name. The server takes an action for all that begin like it.
type right struct {
	label     string
	privilege string // "": there is none that is not manage
	actions   []string
}

// tasksRight is the action that lists the tasks of the cluster.
const tasksRight = "cluster:monitor/tasks/lists"

// generationRights are those on the alias and its generations; the first four are those on the
// leases too.
var generationRights = [...]right{
	{"create_index", "create_index", []string{"indices:admin/create"}},
	{"write", "write", []string{"indices:data/write/", "indices:admin/mapping/auto_put"}},
	{"read", "read", []string{"indices:data/read/"}},
	{"view_index_metadata", "view_index_metadata", []string{"indices:admin/get", "indices:admin/aliases/get"}},
	{"manage, or monitor", "monitor", []string{"indices:monitor/stats", "indices:monitor/recovery"}},
	{"manage, or maintenance", "maintenance", []string{"indices:admin/refresh", "indices:admin/flush", "indices:admin/forcemerge"}},
	{"manage, or indices:admin/aliases*", "", []string{"indices:admin/aliases"}},
	{"manage, or indices:admin/settings/update*", "", []string{"indices:admin/settings/update"}},
	{"manage, or indices:admin/mapping/put*", "", []string{"indices:admin/mapping/put"}},
	{"manage, or indices:admin/block/add*", "", []string{"indices:admin/block/add"}},
}

// Permitted asks whether the account may do all that a rebuild does, so that it is told
// before hours of loading; an *Error of kind Rights names every right that it lacks. Where
// the server cannot be asked (OpenSearch, or no security) it is nil.
func (p *preflight) Permitted(ctx context.Context) error {
	probed := fence.Probe(ctx, p.Client)
	if p.Product.Name != "elasticsearch" {
		return probed
	}
	type ask struct {
		Names      []string `json:"names"`
		Privileges []string `json:"privileges"`
	}
	asked := struct {
		Cluster []string `json:"cluster"`
		Index   []ask    `json:"index"`
	}{[]string{tasksRight}, []ask{{[]string{p.cfg.Alias, p.cfg.Alias + "-*"}, privilegesOf(generationRights[:])}, {[]string{leaseIndex}, privilegesOf(generationRights[:4])}}}
	body, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("encode the rights to ask for: %w", err)
	}
	var a struct {
		Cluster map[string]bool            `json:"cluster"`
		Index   map[string]map[string]bool `json:"index"`
	}
	err = p.Call(ctx, transport.Request{Method: http.MethodPost, Path: "/_security/user/_has_privileges", Body: body, RetryFor: transport.DefaultRetry}, &a)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no) && no.Status != http.StatusUnauthorized:
		return probed // no security, or a proxy in between: the calls themselves will tell
	case err != nil:
		return p.Explain("ask for the account's rights", err)
	}
	var lacks []string
	if !a.Cluster[tasksRight] {
		lacks = append(lacks, "monitor on the cluster (to list the bulk requests under way, so that a late one cannot bring back what was deleted)")
	}
	for _, name := range asked.Index[0].Names {
		lacks = append(lacks, missingRights(name, generationRights[:], a.Index[name])...)
	}
	lacks = append(lacks, missingRights(leaseIndex, generationRights[:4], a.Index[leaseIndex])...)
	if len(lacks) == 0 {
		return probed
	}
	return &Error{
		Kind:   Rights,
		What:   "the account lacks rights at " + p.Addresses + " that a rebuild needs: " + strings.Join(lacks, "; "),
		Remedy: fmt.Sprintf(rights, p.cfg.Alias),
	}
}

// privilegesOf is what to ask for.
func privilegesOf(all []right) []string {
	var names []string
	for _, r := range all {
		if r.privilege != "" {
			names = append(names, r.privilege)
		}
		names = append(names, r.actions...)
	}
	return names
}

// missingRights names the rights that an account does not have on an index, by any name.
func missingRights(index string, all []right, has map[string]bool) []string {
	var lacks []string
	for _, r := range all {
		if !has[r.privilege] && slices.ContainsFunc(r.actions, func(action string) bool { return !has[action] }) {
			lacks = append(lacks, r.label+" on "+index)
		}
	}
	return lacks
}
