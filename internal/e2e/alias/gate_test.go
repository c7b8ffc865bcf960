package alias

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// typed finds the command of a remedy that follows a text, without the program's name.
func typed(t *testing.T, a rig.Answer, command string) []string {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(command) + `[^\n;,]*`).FindString(a.Err)
	if found == "" {
		t.Fatalf("nothing to type that begins with %q:\n%s", command, a.Err)
	}
	return strings.Fields(found)[1:]
}

// setAlias sets properties of the alias on what it serves.
func setAlias(t *testing.T, s *rig.Shop, properties string) {
	t.Helper()
	index, _ := s.Serving(t)
	call(t, s, "/_aliases", `{"actions":[{"add":{"index":"`+index+`","alias":"`+s.Alias+`"`+properties+`}}]}`)
}

func call(t *testing.T, s *rig.Shop, path, body string) {
	t.Helper()
	if code, answer := s.Request(t, http.MethodPost, path, body); code != http.StatusOK {
		t.Fatalf("POST %s: %d %s", path, code, answer)
	}
}

// properties reads the filter and the routing of the alias.
func properties(t *testing.T, s *rig.Shop) string {
	t.Helper()
	_, body := s.Request(t, http.MethodGet, "/_alias/"+s.Alias, "")
	var all map[string]struct{ Aliases map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	for _, one := range all {
		return string(one.Aliases[s.Alias])
	}
	return ""
}

// Routing on an alias hides documents that are placed by their ids: the gate looks through the
// alias that it is about to set. What its remedies say works when it is typed.
func TestRoutingOfTheAlias(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, said string }{
		"of searches":        {`,"search_routing":"7"`, `its routing of searches "7" leads to `},
		"of several":         {`,"search_routing":"1,2"`, `its routing of searches "1,2" leads to `},
		"of reads and write": {`,"index_routing":"7"`, `its routing of reads and writes "7" leads to `},
		"of all":             {`,"routing":"7"`, `its routing of searches "7" leads to `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
			s.SQL(t, rig.Tables)
			s.Write(t, "orders.index.json", strings.Replace(rig.Index, `"number_of_shards": 1`, `"number_of_shards": 5`, 1))
			s.Run(t, "rebuild").Want(t, 0)
			first, _ := s.Serving(t)
			s.Run(t, "rebuild", "--no-swap").Want(t, 0)
			setAlias(t, s, c.set)
			before := properties(t, s)
			refused := s.Run(t, "swap")
			refused.Want(t, 4, c.said, "of 300 documents", "POST /_aliases")
			if now, _ := s.Serving(t); now != first || properties(t, s) != before {
				t.Errorf("the alias was changed: it serves %s as %s", now, properties(t, s))
			}
			body := regexp.MustCompile(`POST /_aliases (\{.*\})`).FindStringSubmatch(refused.Err)
			if body == nil {
				t.Fatal(refused.Err)
			}
			call(t, s, "/_aliases", body[1])
			s.Run(t, typed(t, refused, "humpty swap")...).Want(t, 0)
			if now, documents := s.Serving(t); now == first || documents != 300 || properties(t, s) != `{}` {
				t.Errorf("alias serves %s, %d documents, as %s", now, documents, properties(t, s))
			}
		})
	}
}

// A filter is the operator's: it is kept, and said; one that lets nothing through is refused.
func TestFilterOfTheAlias(t *testing.T) {
	t.Parallel()
	s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
	s.SQL(t, rig.Tables)
	s.Run(t, "rebuild").Want(t, 0)
	setAlias(t, s, `,"filter":{"term":{"customer_id":3}}`)
	s.Run(t, "rebuild").Want(t, 0, "lets 30 of the 300 documents")
	if _, documents := s.Serving(t); documents != 30 {
		t.Errorf("the alias finds %d documents, not 30", documents)
	}
	s.SQL(t, "UPDATE orders SET customer_id = 4 WHERE customer_id = 3 AND id > 60")
	s.Run(t, "rebuild").Want(t, 4, "serves 30", "80% fewer", "--max-shrink 80%") // of what is found through it
	setAlias(t, s, `,"filter":{"term":{"customer_nr":3}}`)
	s.Run(t, "rebuild").Want(t, 4, "lets none of the 300 documents through")
}

// The alias lost half of its documents: rebuild, swap and restore refuse, and let it be with the flag.
func TestShrinkThroughTheProgram(t *testing.T) {
	t.Parallel()
	s := rig.New(t, devstack.Postgres(t), devstack.Elasticsearch(t))
	s.SQL(t, rig.Tables)
	s.Run(t, "plan").Want(t, 0, "the number of documents is not compared with an earlier one")
	s.Run(t, "rebuild").Want(t, 0, "is not compared with an earlier one")
	s.SQL(t, "DELETE FROM line WHERE order_id > 158; DELETE FROM orders WHERE id > 158")
	s.Run(t, "plan").Want(t, 0, "fewer than 240 documents", "serves 300", "limits.shrink")
	refused := s.Run(t, "rebuild")
	refused.Want(t, 4, "has 158 documents", "serves 300", "47.33% fewer", "the generation stays")
	s.Run(t, "swap").Want(t, 4, "47.33% fewer")
	s.Run(t, "swap", "--max-shrink", "47%").Want(t, 4, "where 47% is allowed")
	s.Run(t, typed(t, refused, "humpty swap")...).Want(t, 0)
	if _, documents := s.Serving(t); documents != 158 {
		t.Errorf("the alias finds %d documents", documents)
	}
	s.Edit(t, "    alias: ${ALIAS}\n", "    alias: ${ALIAS}\n    limits: {shrink: 100%}\n")
	s.SQL(t, "DELETE FROM line WHERE order_id > 1; DELETE FROM orders WHERE id > 1")
	s.Run(t, "rebuild").Want(t, 0)
	s.SQL(t, "DELETE FROM line; DELETE FROM orders")
	s.Run(t, "rebuild").Want(t, 4, "is empty", "--allow-empty")
}
