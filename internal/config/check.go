package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"humpty/internal/problem"
)

// plainName is what sources, targets and projections may be called: nothing that a shell, a
// file system or a terminal takes for more than a name.
var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// checker holds a tree against the grammar and fills in the defaults.
type checker struct {
	problems problem.List
	settings []Setting
	secrets  []string
	words    map[string]bool // values that are shown, so that hiding them would hide nothing
}

// tell gives out the secrets. One that is also a plain word of the file, like a password that
// is the user's name, is no secret: everything would be full of ***.
func (c *checker) tell(secret func(string)) {
	for _, s := range c.secrets {
		if !c.words[s] {
			secret(s)
		}
	}
}

// check looks at n, which the user knows as path.
func (c *checker) check(n *node, r *rule, path string) {
	if n.reported {
		return
	}
	if n.kind == null && r.kind == object && !r.needs() {
		n.kind = mapping
	}
	switch r.kind {
	case object:
		c.object(n, r, path)
	case names, list:
		c.many(n, r, path)
	case either:
		c.either(n, r, path)
	default:
		c.scalar(n, r, path)
		c.note(n, r, path)
	}
}

func (c *checker) object(n *node, r *rule, path string) {
	if !c.isKind(n, mapping, r, path) {
		return
	}
	given := 0
	for _, f := range n.fields {
		k := r.key(f.key)
		switch {
		case k == nil && path == "" && strings.HasPrefix(f.key, "x-"):
			continue // a place for anchors
		case k == nil:
			c.unknown(f.value)
			c.problems.Add(f.place, didYouMean(f.key, r.keyNames()), "unknown key %q%s", f.key, in(path))
		case k.later != "":
			c.later(f.place, join(path, k.name), k.later)
			f.value.reported = true
			given++
		default:
			given++
			c.check(f.value, k.rule, join(path, k.name))
		}
	}
	switch {
	case r.one && given == 0:
		c.problems.Add(n.place, "one of: "+strings.Join(r.keyNames(), ", "), "%s does not say what it is", path)
	case r.one && given > 1:
		c.problems.Add(n.place, "split it in two, each with its own name", "%s is more than one thing", path)
	}
	c.defaults(n, r, path)
}

// unknown takes what stands under a key that is not known for secret: the key may be a
// misspelt password.
func (c *checker) unknown(n *node) {
	if n.kind == text {
		c.secrets = append(c.secrets, n.text)
	}
	for _, item := range n.items {
		c.unknown(item)
	}
	for _, f := range n.fields {
		c.unknown(f.value)
	}
}

// defaults reports required keys that are not there and puts defaults in.
func (c *checker) defaults(n *node, r *rule, path string) {
	for _, k := range r.keys {
		if n.field(k.name) != nil {
			continue
		}
		if k.required {
			c.problems.Add(n.place, strings.TrimSpace(k.name+": …   "+k.doc), "the key %q is missing%s", k.name, in(path))
		}
		if k.def == "" {
			continue
		}
		value := &node{kind: text, text: k.def, loose: true, origin: "default", place: n.place}
		if k.def == "{}" {
			value = &node{kind: mapping, origin: "default", place: n.place}
		}
		n.fields = append(n.fields, &field{key: k.name, place: n.place, value: value})
		c.check(value, k.rule, join(path, k.name))
	}
}

func (c *checker) many(n *node, r *rule, path string) {
	want, count := mapping, len(n.fields)
	if r.kind == list {
		want, count = sequence, len(n.items)
	}
	if !c.isKind(n, want, r, path) {
		return
	}
	if int64(count) < r.min {
		c.wrong(n, "name at least one", "%s is empty", path)
	}
	for i, item := range n.items {
		c.check(item, r.inner(), fmt.Sprintf("%s[%d]", path, i))
	}
	for _, f := range n.fields {
		if f.key == "" {
			c.problems.Add(f.place, "give it a name", "an empty name in %s", path)
		} else if r.plain && !plainName.MatchString(f.key) {
			c.problems.Add(f.place, "a name begins with a-z or 0-9, and has those and _ . - behind", "%q in %s cannot be a name: folders, commands and metrics are named after it", f.key, path)
		}
		c.check(f.value, r.inner(), join(path, f.key))
	}
}

// either takes the first rule that fits the value's form.
func (c *checker) either(n *node, r *rule, path string) {
	for _, some := range r.any {
		if some.fits(n) {
			c.check(n, some, path)
			return
		}
	}
	c.wrong(n, r.hint(), "%s must be %s, not %s", path, r.hint(), n.kind)
}

func (c *checker) scalar(n *node, r *rule, path string) {
	ok := false
	switch r.kind {
	case words, secret, connection:
		ok = n.kind == text
		if ok && n.text == "" {
			c.wrong(n, "give it a value, or leave the key out", "%s is empty", path)
		}
	case whole:
		v, err := strconv.ParseInt(n.text, 10, 64)
		ok = err == nil && (n.kind == integer || n.loose)
		if ok && v < r.min {
			c.wrong(n, fmt.Sprintf("%d or more", r.min), "%s is %d", path, v)
		} else if ok && r.max > 0 && v > r.max {
			c.wrong(n, fmt.Sprintf("%d or less, or leave the key out", r.max), "%s is %d", path, v)
		}
	case flag:
		ok = (n.text == "true" || n.text == "false") && (n.kind == boolean || n.loose)
	case duration:
		d, err := time.ParseDuration(n.text)
		if ok = n.kind == text && err == nil && d >= 0; ok && int64(d) < r.min {
			c.wrong(n, fmt.Sprintf("%v or more, or leave the key out", time.Duration(r.min)), "%s is %s", path, n.text)
		}
	case size:
		v, err := parseSize(n.text)
		if ok = n.scalar() && err == nil; ok {
			c.sized(n, r, path, v)
		}
	case percent:
		_, err := parsePercent(n.text)
		ok = n.scalar() && err == nil
	case choice:
		ok = c.choice(n, r, path)
	case anything:
		ok = true
	}
	if ok || n.reported {
		return
	}
	what := n.kind.String()
	if n.scalar() && r.kind != secret && r.kind != connection && r.kind != words && len(n.vars) == 0 {
		what = strconv.Quote(n.text)
	}
	c.wrong(n, r.remedy(n), "%s must be %s, not %s", path, r.hint(), what)
}

// sized refuses what would be another limit than the one that is written.
func (c *checker) sized(n *node, r *rule, path string, v int64) {
	switch {
	case v < r.min:
		c.wrong(n, "1B or more, or leave the key out", "%s is %s", path, n.text)
	case r.max > 0 && v > r.max:
		c.wrong(n, fmt.Sprintf("%d bytes or less", r.max), "%s is %s", path, n.text)
	}
}

func (c *checker) choice(n *node, r *rule, path string) bool {
	for _, o := range r.choices {
		if n.text == o.word && (n.scalar() || n.kind == null) {
			n.kind = text
			if o.later != "" {
				c.later(n.place, path+": "+o.word, o.later)
				n.reported = true
			}
			return true
		}
	}
	return false
}

func (c *checker) isKind(n *node, want kind, r *rule, path string) bool {
	if n.kind == want {
		return true
	}
	if path == "" {
		path = "the file"
	}
	c.wrong(n, r.remedy(n), "%s must be %s, not %s", path, want, n.kind)
	return false
}

func (c *checker) wrong(n *node, remedy, what string, args ...any) {
	n.reported = true
	c.problems.Add(n.place, remedy, what, args...)
}

func (c *checker) later(place, what, instead string) {
	c.problems.Add(place, instead, "%s is not in this version of humpty", what)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
