package postgres

import "strings"

const (
	maxID       = 512 // bytes that Elasticsearch and OpenSearch take for an id
	idSeparator = ':'
	idEscape    = '\\'
)

// appendIDPart appends one part of a composed id. Separator and escape character inside
// a part are escaped, so that two different keys never have the same id.
func appendIDPart(dst, part []byte, first bool) []byte {
	if !first {
		dst = append(dst, idSeparator)
	}
	for _, c := range part {
		if c == idSeparator || c == idEscape {
			dst = append(dst, idEscape)
		}
		dst = append(dst, c)
	}
	return dst
}

// splitID takes an id apart again; not ok if it is none of n parts.
func splitID(id string, n int) (parts []string, ok bool) {
	if n == 1 {
		return []string{id}, true
	}
	var part strings.Builder
	for i := 0; i < len(id); i++ {
		switch id[i] {
		case idSeparator:
			parts = append(parts, part.String())
			part.Reset()
			continue
		case idEscape:
			if i++; i == len(id) {
				return nil, false
			}
		}
		part.WriteByte(id[i])
	}
	parts = append(parts, part.String())
	return parts, len(parts) == n
}
