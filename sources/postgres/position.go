package postgres

import (
	"encoding/json"
	"fmt"
)

// parsePosition reads a key written as a JSON array of the texts of its columns.
func parsePosition(s string, columns int) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	var key []string
	if err := json.Unmarshal([]byte(s), &key); err != nil || len(key) != columns {
		return nil, fmt.Errorf("position %s is not a key of %d columns: it belongs to another definition", s, columns)
	}
	return key, nil
}

func formatPosition(key []string) string {
	out := []byte{'['}
	for i, k := range key {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, []byte(k))
	}
	return string(append(out, ']'))
}
