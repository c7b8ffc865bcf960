package chaos

import (
	"fmt"
	"math/rand/v2"
)

// ids of rows: few, so that writers meet, and some of them hot.
const (
	maxID    = 40
	maxHotID = 3
)

func randomID(rng *rand.Rand) int {
	if rng.IntN(3) == 0 {
		return 1 + rng.IntN(maxHotID)
	}
	return 1 + rng.IntN(maxID)
}

func (t *table) insert(rng *rand.Rand, v string) string {
	if t.link {
		return fmt.Sprintf("insert into %s values (%d, %d) on conflict do nothing", t.name, randomID(rng), randomID(rng))
	}
	names, values := "id, v", fmt.Sprintf("%d, '%s'", randomID(rng), v)
	for _, r := range t.refs {
		names += ", " + r
		values += fmt.Sprint(", ", randomID(rng))
	}
	return fmt.Sprintf("insert into %s (%s) values (%s) on conflict do nothing", t.name, names, values)
}

// insertAt is a row of a certain id, and of the parent 1.
func (t *table) insertAt(id int, v string) string {
	names, values := "id, v", fmt.Sprintf("%d, '%s'", id, v)
	for _, r := range t.refs {
		names, values = names+", "+r, values+", 1"
	}
	return fmt.Sprintf("insert into %s (%s) values (%s) on conflict do nothing", t.name, names, values)
}

// change is one random statement.
func (w *tableWriter) change(rng *rand.Rand, v string) string {
	s := w.schema
	t := s.tables[rng.IntN(len(s.tables))]
	id := randomID(rng)
	kind := rng.IntN(100)
	if kind == 0 {
		return "truncate " + t.name
	}
	if t.link {
		switch {
		case kind < 40:
			return fmt.Sprintf("delete from %s where a = %d and b = %d", t.name, id, randomID(rng))
		case kind < 50:
			return fmt.Sprintf("update %s set a = %d where a = %d and b %% 5 = %d", t.name, randomID(rng), id, rng.IntN(5))
		}
		return t.insert(rng, v)
	}
	switch {
	case kind < 25:
		return t.insert(rng, v)
	case kind < 35:
		return fmt.Sprintf("delete from %s where id = %d", t.name, id)
	case kind < 42:
		return fmt.Sprintf("update %s set id = %d where id = %d and not exists (select from %[1]s where id = %[2]d)", t.name, randomID(rng), id)
	case kind < 48:
		return fmt.Sprintf("update %s set v = '%s' where id %% 7 = %d", t.name, v, rng.IntN(7))
	case kind < 53:
		return fmt.Sprintf("delete from %s where id = %d;\n%s", t.name, id, t.insert(rng, v))
	case kind < 58 && t.soft:
		return fmt.Sprintf("update %s set gone = not gone where id = %d", t.name, id)
	case kind < 78 && len(t.refs) > 0:
		return fmt.Sprintf("update %s set %s = %d where id = %d", t.name, t.refs[rng.IntN(len(t.refs))], randomID(rng), id)
	}
	return fmt.Sprintf("update %s set v = '%s' where id = %d", t.name, v, id)
}
