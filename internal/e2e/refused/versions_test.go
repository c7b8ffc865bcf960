//go:build unix

package refused

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// An application whose external versions are times is locked out by the second generation:
// check, plan and rebuild say so before, on both products.
func TestForeignVersionsAreTold(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]string{"elasticsearch": devstack.Elasticsearch(t), "opensearch": devstack.OpenSearch(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, devstack.Postgres(t), server)
			s.Write(t, "humpty.yaml", rig.Config)
			if name == "opensearch" {
				s.Edit(t, "search: {elasticsearch:", "search: {opensearch:")
			}
			s.SQL(t, rig.Tables)
			const warning = "have versions that are not humpty's (document 7: "
			s.Run(t, "rebuild").Want(t, 0)
			for _, verb := range []string{"check", "plan"} {
				if a := s.Run(t, verb); a.Code != 0 || strings.Contains(a.Out+a.Err, "not humpty's") {
					t.Errorf("%s: %d %s%s", verb, a.Code, a.Out, a.Err)
				}
			}
			write := func() int {
				path := fmt.Sprintf("/%s/_doc/7?version=%d&version_type=external&refresh=true", s.Alias, time.Now().UnixMilli())
				status, _ := s.Request(t, http.MethodPut, path, `{"id": 7}`)
				return status
			}
			if status := write(); status != http.StatusOK {
				t.Errorf("the first generation takes it with %d", status)
			}
			s.Run(t, "check").Want(t, 0, warning, "write unversioned")
			s.Run(t, "plan").Want(t, 0, warning, "write unversioned")
			s.Run(t, "rebuild").Want(t, 0, warning, "write unversioned")
			if status := write(); status != http.StatusConflict {
				t.Errorf("the second generation takes it with %d", status)
			}
		})
	}
}
