package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// application is what uses the read model: it searches through the alias, with nothing of
// humpty's in between. It also has the rights it should not have.
type application struct {
	url    string
	client *http.Client
}

func newApplication(url string) *application {
	return &application{url: url, client: &http.Client{Timeout: 30 * time.Second}}
}

const walnutQuery = `{"size": 0, "track_total_hits": true, "query": {"match": {"lines.l_partname": "walnut"}}}`

// search counts the orders with something of walnut in them.
func (a *application) search(ctx context.Context) (int64, error) {
	var found struct {
		Hits struct {
			Total struct {
				Value int64 `json:"value"`
			} `json:"total"`
		} `json:"hits"`
	}
	err := a.call(ctx, http.MethodPost, "/orders/_search", walnutQuery, &found)
	return found.Hits.Total.Value, err
}

// dropIndex is what somebody does in the wrong terminal.
func (a *application) dropIndex(ctx context.Context, index string) error {
	return a.call(ctx, http.MethodDelete, "/"+index, "", &struct{}{})
}

// refusal is an answer of the server's that says no.
type refusal struct {
	status int
	kind   string // index_not_found_exception
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.kind) }

func (a *application) call(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("demo: %s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		var answer struct {
			Error struct {
				Type string `json:"type"`
			} `json:"error"`
		}
		_ = json.Unmarshal(text, &answer) // whatever it is, the status says enough
		return fmt.Errorf("%s %s: %w", method, path, &refusal{res.StatusCode, answer.Error.Type})
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("demo: %s %s: unreadable answer: %w", method, path, err)
	}
	return nil
}

// refresh lets searches see what was written until now.
func (a *application) refresh(ctx context.Context) error {
	return a.call(ctx, http.MethodPost, "/orders/_refresh", "", &struct{}{})
}

// document reads a document of the read model as the application would.
func (a *application) document(ctx context.Context, id string) (comment string, err error) {
	var found struct {
		Source struct {
			Comment string `json:"o_comment"`
		} `json:"_source"`
	}
	err = a.call(ctx, http.MethodGet, "/orders/_doc/"+id, "", &found)
	return found.Source.Comment, err
}
