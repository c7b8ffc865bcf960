package query

import "testing"

func TestID(t *testing.T) {
	t.Parallel()
	parts := []string{"", ":", `\`, `\:`, "a", "a:b", `a\`, "::", `\\`}
	seen := map[string]string{}
	for _, a := range parts {
		for _, b := range parts {
			id := string(AppendIDPart(AppendIDPart(nil, []byte(a), true), []byte(b), false))
			if other, twice := seen[id]; twice {
				t.Errorf("%q and %q share the id %s", other, a+"|"+b, id)
			}
			seen[id] = a + "|" + b
			got, ok := SplitID(id, 2)
			if !ok || got[0] != a || got[1] != b {
				t.Errorf("%s is taken apart to %q, want %q and %q", id, got, a, b)
			}
		}
	}
	for _, bad := range []string{"", "a", "a:b:c", `a:b\`} {
		if parts, ok := SplitID(bad, 2); ok {
			t.Errorf("%s is taken apart to %q", bad, parts)
		}
	}
}
