package drift

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/projector/generation"
	"humpty/projector/repair"
	"humpty/sinks"
)

func asRefusal(err error, to **problem.Refusal) bool { return errors.As(err, to) }

func TestSnapshotAndRestore(t *testing.T) {
	t.Parallel()
	for product, server := range map[string]func(testing.TB) string{"elasticsearch": devstack.Elasticsearch, "opensearch": devstack.OpenSearch} {
		t.Run(product, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, server(t), 1000)
			repository := devstack.Name(t)
			p.do(t, http.MethodPut, "/_snapshot/"+repository, map[string]any{"type": "fs", "settings": map[string]any{"location": repository}}, nil)
			t.Cleanup(func() {
				ctx := context.WithoutCancel(t.Context())
				if err := errors.Join(p.ask(ctx, http.MethodDelete, "/_snapshot/"+repository+"/one", nil, nil), p.ask(ctx, http.MethodDelete, "/_snapshot/"+repository, nil, nil)); err != nil {
					t.Error(err)
				}
			})
			live := p.rebuild(t)
			m := generation.Admin{Projection: p.projection.Name, Alias: p.projection.Alias, Keep: p.projection.Keep, Target: p.target, Owner: p.owner("snapshot")}
			saved, err := m.Snapshot(t.Context(), repository, "one", "", false, nil)
			if err != nil || saved.Generation != live || saved.Bytes == 0 || saved.Meta.Verified == nil {
				t.Fatalf("%v, %+v", err, saved)
			}
			if newest, err := p.target.Saved(t.Context(), repository, ""); err != nil || newest.Name != "one" {
				t.Errorf("%v, %+v", err, newest)
			}
			ids := p.ids(t)
			p.sql(t, "UPDATE shop.orders SET o_clerk = 'somebody else' WHERE o_orderkey = $1::bigint", ids[5])
			p.sql(t, "DELETE FROM shop.lineitem WHERE l_orderkey = $1::bigint", ids[3])
			p.sql(t, "DELETE FROM shop.orders WHERE o_orderkey = $1::bigint", ids[3])
			p.do(t, http.MethodDelete, "/"+live, nil, nil)

			restore := repair.Restore{Repair: *p.repair(), Repository: repository, Snapshot: ""}
			finding, err := restore.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if finding.Verified.Stale != 1 || finding.Verified.Extra != 1 || finding.Repair.Written != 1 || finding.Repair.Deleted != 1 {
				t.Errorf("%+v, %+v", finding.Verified.Verification, finding.Repair)
			}
			p.right(t, finding.Generation)
			survey, err := p.target.Survey(t.Context())
			if err != nil || survey.Live() != finding.Generation {
				t.Fatalf("%v: the alias serves %s", err, survey.Live())
			}
			if g, _ := survey.Find(finding.Generation); g.Meta.State != sinks.Live || g.Meta.Epoch <= saved.Meta.Epoch || g.Meta.Verified == nil {
				t.Errorf("meta %+v", g.Meta)
			}
			// what was restored can be rebuilt over, repaired and swapped like any other
			p.rebuild(t)
		})
	}
}

func TestSnapshotErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	p := newPlace(t, devstack.Elasticsearch(t), 100)
	p.rebuild(t)
	m := generation.Admin{Projection: p.projection.Name, Alias: p.projection.Alias, Keep: p.projection.Keep, Target: p.target, Owner: p.owner("snapshot")}
	_, err := m.Snapshot(t.Context(), "none", "one", "", false, nil)
	says(t, err, "repository_missing_exception", "PUT /_snapshot/none")
	repository := devstack.Name(t)
	p.do(t, http.MethodPut, "/_snapshot/"+repository, map[string]any{"type": "fs", "settings": map[string]any{"location": repository}}, nil)
	t.Cleanup(func() {
		if err := p.ask(context.WithoutCancel(t.Context()), http.MethodDelete, "/_snapshot/"+repository, nil, nil); err != nil {
			t.Error(err)
		}
	})
	_, err = p.target.Saved(t.Context(), repository, "none")
	says(t, err, "there is no such snapshot", "GET /_snapshot/"+repository+"/_all")
	_, err = p.target.Saved(t.Context(), repository, "")
	says(t, err, "holds no whole snapshot of a generation of alias "+p.alias, "humpty snapshot")
}
