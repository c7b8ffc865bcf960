package elastic

import (
	"context"
	"net/http"
	"strings"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

var _ sinks.WriteCounter = (*index)(nil)

// tagged begins the X-Opaque-Id of every bulk of ours, of any run.
const tagged = "humpty-"

// InFlightWrites asks for the bulk tasks of the cluster that carry our tag and name the index.
func (x *index) InFlightWrites(ctx context.Context) (int, error) {
	var a struct {
		Nodes map[string]struct {
			Tasks map[string]struct {
				Description string            `json:"description"`
				Headers     map[string]string `json:"headers"`
			} `json:"tasks"`
		} `json:"nodes"`
		Failures []any `json:"node_failures"`
	}
	path := "/_tasks?actions=indices:data/write/bulk*&detailed=true"
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return 0, x.Explain("list the writes under way in index "+x.name, err)
	}
	if len(a.Failures) > 0 {
		return 0, transport.Failedf("list the writes under way in index %s: %d nodes did not answer", x.name, len(a.Failures))
	}
	n := 0
	for _, node := range a.Nodes {
		for _, task := range node.Tasks {
			if strings.HasPrefix(task.Headers["X-Opaque-Id"], tagged) && strings.Contains(task.Description, x.name) {
				n++
			}
		}
	}
	return n, nil
}
