package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

// digest stands for a document.
type digest = xxh3.Uint128

// summer makes digests; it belongs to one goroutine.
type summer interface {
	sum(document []byte) (digest, error)
}

// bytesSum is equal for documents with the same bytes but for the space between them.
type bytesSum struct{ compact bytes.Buffer }

func (s *bytesSum) sum(document []byte) (digest, error) {
	s.compact.Reset()
	if err := json.Compact(&s.compact, document); err != nil {
		return digest{}, fmt.Errorf("not JSON: %w", err)
	}
	return xxh3.Hash128(s.compact.Bytes()), nil
}

// parsedSum is equal for values that are equal, whatever the order of their fields, the
// escapes of their strings and the form of their numbers.
type parsedSum struct{}

func (parsedSum) sum(document []byte) (digest, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return digest{}, fmt.Errorf("not JSON: %w", err)
	}
	if rest := bytes.TrimSpace(document[d.InputOffset():]); len(rest) > 0 {
		return digest{}, fmt.Errorf("more than one JSON value: %.40q follows", rest)
	}
	text, err := appendCanonical(make([]byte, 0, 2*len(document)), v)
	return xxh3.Hash128(text), err
}

// appendCanonical writes a value in the one form it can have: fields sorted, strings
// with their length before them, numbers as exact decimals.
func appendCanonical(to []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		to = append(to, '{')
		for _, name := range names {
			to = appendString(to, name)
			if to, err = appendCanonical(to, v[name]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return append(to, '}'), nil
	case []any:
		to = append(to, '[')
		for i, item := range v {
			if to, err = appendCanonical(to, item); err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
		}
		return append(to, ']'), nil
	case string:
		return appendString(to, v), nil
	case json.Number:
		return appendNumber(to, string(v))
	}
	return fmt.Appendf(to, "%v;", v), nil // true, false, <nil>
}

func appendString(to []byte, s string) []byte {
	to = append(strconv.AppendInt(to, int64(len(s)), 10), ':')
	return append(to, s...)
}

// appendNumber writes a number as a decimal without exponent and without zeros at its
// end: 1.50, 1.5 and 15e-1 are the same, 0.1 and 0.1000000000000000055 are not.
func appendNumber(to []byte, n string) ([]byte, error) {
	if strings.ContainsAny(n, "eE") {
		exact, ok := new(big.Rat).SetString(n)
		if !ok {
			return nil, fmt.Errorf("%s is no number that can be compared", n)
		}
		digits, _ := exact.FloatPrec()
		n = exact.FloatString(digits)
	}
	if strings.Contains(n, ".") {
		n = strings.TrimSuffix(strings.TrimRight(n, "0"), ".")
	}
	if n == "-0" {
		n = "0"
	}
	return append(append(append(to, '='), n...), ';'), nil
}
