package elastic

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"humpty/sinks/elastic/transport"
)

// recoveryTime is between two looks at what takes long.
const recoveryTime = time.Second

// merge makes few segments of many, while there is one copy of them. The cluster does so
// as a task of its own, which takes longer than any request may.
func (x *index) merge(ctx context.Context, report func(string)) error {
	if x.cfg.MaxSegments == 0 || !x.loading() {
		return nil
	}
	var started struct {
		Task string `json:"task"`
	}
	path := fmt.Sprintf("%s/_forcemerge?max_num_segments=%d&wait_for_completion=false", x.path, x.cfg.MaxSegments)
	if err := x.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, RetryFor: transport.DefaultRetry}, &started); err != nil {
		return x.Explain("merge the segments of index "+x.name, err)
	}
	var pause transport.Backoff
	for {
		segments, err := x.segments(ctx)
		if err != nil {
			return err
		}
		var task struct {
			Completed bool `json:"completed"`
			Response  struct {
				shardsAnswer
			} `json:"response"`
		}
		found, err := x.cluster.Get(ctx, "/_tasks/"+url.PathEscape(started.Task), &task)
		switch {
		case err != nil:
			return x.Explain("wait for the merge of index "+x.name, err)
		case !found, task.Completed && task.Response.err() != nil:
			return transport.Failedf("the segments of index %s were not merged to the end: the node that did it was lost, or a shard failed", x.name)
		case task.Completed:
			return nil
		}
		report(fmt.Sprintf("for the merge of %s to %d segments a shard: %d in %d shards", x.name, x.cfg.MaxSegments, segments, x.shards))
		if err := transport.Wait(ctx, min(pause.Next(), recoveryTime)); err != nil {
			return err
		}
	}
}

func (x *index) segments(ctx context.Context) (int64, error) {
	var a struct {
		All struct {
			Primaries struct {
				Segments struct {
					Count int64 `json:"count"`
				} `json:"segments"`
			} `json:"primaries"`
		} `json:"_all"`
	}
	path := x.path + "/_stats/segments?filter_path=_all.primaries.segments.count"
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return 0, x.Explain("count the segments of index "+x.name, err)
	}
	return a.All.Primaries.Segments.Count, nil
}
