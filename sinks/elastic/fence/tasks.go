package fence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"humpty/sinks/elastic/transport"
)

// tasksPath lists the bulk requests that the nodes work on, and their parts at the shards.
const tasksPath = "/_tasks?actions=indices:data/write/bulk*&detailed=true"

// drainedWithin is how long is waited for the bulk requests that were under way.
const drainedWithin = 5 * time.Minute

// task is a bulk request, or the part of one at a shard.
type task struct {
	Node        string `json:"node"`
	ID          int64  `json:"id"`
	Parent      string `json:"parent_task_id"`
	Description string `json:"description"`
}

func (t task) name() string { return fmt.Sprintf("%s:%d", t.Node, t.ID) }

// tasks lists them; an error if a node did not say.
func tasks(ctx context.Context, client *transport.Client) ([]task, error) {
	var a struct {
		Nodes map[string]struct {
			Tasks map[string]task `json:"tasks"`
		} `json:"nodes"`
		Failures []any `json:"node_failures"`
		Untold   []any `json:"task_failures"`
	}
	if err := client.Call(ctx, transport.Request{Method: http.MethodGet, Path: tasksPath, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return nil, client.Explain("list the writes under way", err)
	}
	if a.Nodes == nil { // of none that is at work it is there, and empty
		return nil, fmt.Errorf("list the writes under way: the answer to GET %s has no nodes", tasksPath)
	}
	if n := len(a.Failures) + len(a.Untold); n > 0 {
		return nil, &silentNodes{n}
	}
	var all []task
	for _, node := range a.Nodes {
		for _, t := range node.Tasks {
			all = append(all, t)
		}
	}
	return all, nil
}

// silentNodes is the error of a list in which nodes are missing.
type silentNodes struct{ nodes int }

func (s *silentNodes) Error() string {
	return fmt.Sprintf("%d nodes did not say which writes are under way", s.nodes)
}

// Probe refuses a target that does not say which writes are under way: without that a writer
// cannot be shut out.
func Probe(ctx context.Context, client *transport.Client) error {
	_, err := tasks(ctx, client)
	var silent *silentNodes
	var known *transport.Error
	var no *transport.ResponseError
	switch {
	case err == nil, errors.As(err, &silent):
		return nil
	case errors.As(err, &known) && known.Kind == transport.Rights, transport.IsUnavailable(err), !errors.As(err, &no):
		return err
	}
	return &transport.Error{
		Kind: transport.Guard, What: client.Addresses + " does not say which bulk requests are under way (GET " + tasksPath + ")", Err: no,
		Remedy: "a late bulk request could bring deleted documents back there: use a cluster that has the task management API (serverless offers have none)",
	}
}

// drained waits until every bulk request on the index that is under way now has ended, with its
// parts, of any sender: a proxy may have taken away what says that it is ours. What comes
// later knows that the alias is gone.
func (f *Fence) drained(ctx context.Context) error {
	var (
		pause transport.Backoff
		began = time.Now()
		was   = map[string]bool{} // in a list so far
		first = true
	)
	for {
		all, err := tasks(ctx, f.client)
		var silent *silentNodes
		if err != nil && !errors.As(err, &silent) {
			return err
		}
		open := 0
		if err == nil {
			for _, t := range all {
				if was[t.name()] || was[t.Parent] || first && strings.Contains(t.Description, f.index) {
					was[t.name()] = true
					open++
				}
			}
			first = false
			if open == 0 {
				return nil
			}
		}
		if time.Since(began) > drainedWithin {
			return f.undrained(open, silent)
		}
		if err := transport.Wait(ctx, min(pause.Next(), time.Second)); err != nil {
			return err
		}
	}
}

func (f *Fence) undrained(open int, silent *silentNodes) error {
	what := fmt.Sprintf("timed out after %s: %d bulk requests on index %s are still in flight", drainedWithin, open, f.index)
	if silent != nil {
		what = fmt.Sprintf("timed out after %s: %v (index %s)", drainedWithin, silent, f.index)
	}
	return &transport.Error{Kind: transport.Failed, What: what, Remedy: "look at them: GET " + tasksPath}
}
