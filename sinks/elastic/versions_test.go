package elastic_test

import (
	"os"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sinks/sinktest"
)

// TestOtherVersions runs the suite on the versions that the shared servers do not have:
// HUMPTY_VERSIONS=elasticsearch-9,opensearch-2 (a minute each).
func TestOtherVersions(t *testing.T) {
	asked := os.Getenv("HUMPTY_VERSIONS")
	if asked == "" {
		t.Skip("HUMPTY_VERSIONS names none: elasticsearch-9,opensearch-2")
	}
	for kind := range strings.SplitSeq(asked, ",") {
		t.Run(kind, func(t *testing.T) {
			kind := devstack.Kind(kind)
			stack := devstack.Private(t, devstack.Options{
				Servers: []devstack.Kind{kind},
				Config:  map[devstack.Kind][]string{kind: {"cluster.routing.allocation.disk.threshold_enabled: false"}},
			})
			a := stack.Addresses()
			t.Run("Suite", func(t *testing.T) { sinktest.Run(t, newHarness(a.Elasticsearch+a.OpenSearch, nil)) })
		})
	}
}
