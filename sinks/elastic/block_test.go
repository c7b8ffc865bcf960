package elastic_test

import (
	"net/http"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

func TestBlockRefusesWritesUntilUnblocked(t *testing.T) {
	t.Parallel()
	for product, server := range map[string]func(testing.TB) string{"elasticsearch": devstack.Elasticsearch, "opensearch": devstack.OpenSearch} {
		t.Run(product, func(t *testing.T) {
			t.Parallel()
			url := server(t)
			name := elastictest.Alias(t, url)
			target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: name})
			write := func() string { return elastictest.Call(t, http.MethodPut, url+"/"+name+"-1/_doc/1", `{"n":1}`) }
			write()
			if err := target.Block(t.Context(), name+"-1"); err != nil {
				t.Fatal(err)
			}
			if answer := write(); !strings.Contains(answer, "cluster_block_exception") {
				t.Errorf("a write to a blocked index was answered %s", answer)
			}
			for range 2 {
				if err := target.Unblock(t.Context(), name+"-1"); err != nil {
					t.Fatal(err)
				}
			}
			if answer := write(); !strings.Contains(answer, `"updated"`) {
				t.Errorf("a write after the block was answered %s", answer)
			}
			if err := target.Block(t.Context(), name+"-2"); err == nil || !strings.Contains(err.Error(), name+"-2") {
				t.Errorf("block of an index that is not there: %v", err)
			}
		})
	}
}
