package postgres

import (
	"strings"
	"testing"

	"humpty/sources"
)

// A looked-up row that very many documents show leads to them in portions, each once; and
// a row that is deleted and inserted again leads to its document.
func TestOneRowOfManyDocuments(t *testing.T) {
	t.Parallel()
	const (
		orders  = 25_500
		portion = 1000
	)
	c := capture(t, liveShape(), liveSchema, `
insert into orders select i, 10, 'many' from generate_series(101, 100 + 25500) i; analyze orders`)
	c.Exec("update nation set name = 'FR' where id = 1")
	var marks sources.ChangeSet
	if err := c.feed.Next(t.Context(), &marks); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	portions := 0
	_, err := c.view.Expand(t.Context(), marks.Keys, func(ids [][]byte) error {
		if portions++; len(ids) > portion {
			t.Errorf("a portion has %d documents", len(ids))
		}
		for _, id := range ids {
			if seen[string(id)] {
				t.Errorf("document %s comes twice", id)
			}
			seen[string(id)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(marks.Keys) != 1 || len(seen) != orders+2 || portions < orders/portion {
		t.Errorf("%d marks lead to %d documents in %d portions", len(marks.Keys), len(seen), portions)
	}
	for _, sql := range []string{
		"begin; delete from order_tag where order_id = 3; delete from orders where id = 4; insert into orders values (4, 20, 'back'); commit",
		"begin; delete from line where order_id = 3; insert into line values (3, 1, 8); insert into line values (4, 2, 8); commit",
	} {
		if ids, _ := c.changedIDs(sql); strings.Join(ids, " ") != "3 4" {
			t.Errorf("%s touches %v", sql, ids)
		}
	}
}
