package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// kind of a node of the file.
type kind int

const (
	null kind = iota
	text
	integer
	number
	boolean
	sequence
	mapping
)

func (k kind) String() string {
	return [...]string{"nothing", "text", "a whole number", "a number", "true or false", "a list", "a mapping"}[k]
}

// node is a value of the file with where it came from.
type node struct {
	kind   kind
	text   string // of a scalar, after expansion
	items  []*node
	fields []*field

	place    string   // humpty.yaml:3:7, or the flag or variable that gave it
	origin   string   // file | default | the flag or variable that gave it
	loose    bool     // came as text from outside: read as the type that is asked for
	vars     []string // names of the variables in it
	reported bool     // something is wrong with it, and was said
	used     bool     // the decoder looked at it
}

// field is one key of a mapping and its value.
type field struct {
	key   string
	place string
	value *node
}

// get returns the value of a key, nil if there is none; it works on nil too, so that
// paths can be followed without asking at each step.
func (n *node) get(path ...string) *node {
	for _, key := range path {
		if f := n.field(key); f != nil {
			f.value.used = true
			n = f.value
		} else {
			return nil
		}
	}
	return n
}

func (n *node) field(key string) *field {
	if n == nil || n.kind != mapping {
		return nil
	}
	for _, f := range n.fields {
		if f.key == key {
			return f
		}
	}
	return nil
}

// set puts a value at a path, making mappings on the way.
func (n *node) set(value *node, path ...string) {
	for len(path) > 1 {
		f := n.field(path[0])
		if f == nil {
			f = &field{key: path[0], place: value.place, value: &node{kind: mapping, place: value.place, origin: value.origin}}
			n.fields = append(n.fields, f)
		}
		n, path = f.value, path[1:]
	}
	if n.kind != mapping {
		return // wrong anyway, and said so by the check
	}
	if f := n.field(path[0]); f != nil {
		f.value = value
		return
	}
	n.fields = append(n.fields, &field{key: path[0], place: value.place, value: value})
}

func (n *node) scalar() bool { return n.kind != sequence && n.kind != mapping && n.kind != null }

// string and the following give the value as a type; zero where it is absent or wrong.
func (n *node) string() string {
	if n == nil || n.reported || !n.scalar() {
		return ""
	}
	return n.text
}

func (n *node) int() int64 {
	v, _ := strconv.ParseInt(n.string(), 10, 64)
	return v
}

func (n *node) bool() bool { return n.string() == "true" }

func (n *node) at() string {
	if n == nil {
		return ""
	}
	return n.place
}

func (n *node) list() []*node {
	if n == nil || n.kind != sequence {
		return nil
	}
	for _, item := range n.items {
		item.used = true
	}
	return n.items
}

func (n *node) mapped() []*field {
	if n == nil || n.kind != mapping {
		return nil
	}
	for _, f := range n.fields {
		f.value.used = true
	}
	return n.fields
}

func (n *node) size() int64 {
	v, _ := parseSize(n.string())
	return v
}

// percent is a share between 0 and 1.
func (n *node) percent() float64 {
	v, _ := parsePercent(n.string())
	return v
}

func (n *node) duration() time.Duration {
	v, _ := time.ParseDuration(n.string())
	return v
}

func (n *node) wrong() bool { return n != nil && n.reported }

func place(file string, line, column int) string { return fmt.Sprintf("%s:%d:%d", file, line, column) }

// parseSize reads 256MB, 1.5GiB, 4096: decimal units and binary ones.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit, ok := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || n < 0 || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return int64(n * unit), nil
}

// parsePercent reads 20% as 0.2.
func parsePercent(s string) (float64, error) {
	digits, ok := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(n >= 0 && n <= 100) { // nor is NaN
		return 0, fmt.Errorf("%q is not a share between 0%% and 100%%", s)
	}
	return n / 100, nil
}
