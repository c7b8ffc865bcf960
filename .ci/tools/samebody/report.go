package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

type options struct {
	prefixes      []string
	mapping, diff bool
	quiet         bool
}

// report prints what a reader has to look at, and returns whether there is anything.
func (m *match) report(w io.Writer, o options) bool {
	concerns := func(u *unit) bool {
		if u == nil {
			return false
		}
		return len(o.prefixes) == 0 || slices.ContainsFunc(o.prefixes, func(p string) bool { return strings.HasPrefix(u.file, p) })
	}
	disputed := map[*unit]bool{}
	for _, c := range m.conflicts {
		disputed[c.in] = true
	}
	same, moved, renamed := 0, 0, 0
	var path, changed, gone, added, turned []*unit
	for _, u := range m.old.units {
		if !concerns(u) && !concerns(u.pair) {
			continue
		}
		switch {
		case u.pair == nil:
			gone = append(gone, u)
			continue
		case u.how == "changed":
			changed = append(changed, u)
			continue
		case u.how == "path":
			path = append(path, u)
		case !disputed[u]:
			same++
			if u.dir != u.pair.dir {
				moved++
			}
			if u.name != u.pair.name {
				renamed++
			}
		}
		if u.kind == "func" && (u.recv == "") != (u.pair.recv == "") {
			turned = append(turned, u)
		}
	}
	for _, n := range m.now.units {
		if n.pair == nil && concerns(n) {
			added = append(added, n)
		}
	}
	fmt.Fprintf(w, "identical under the mapping: %d (%d in another folder, %d with another name)\n", same, moved, renamed)
	two := func(title string, all []*unit, diff bool) {
		fmt.Fprintf(w, "%s: %d\n", title, len(all))
		if o.quiet {
			return
		}
		for _, u := range all {
			fmt.Fprintf(w, "  %s", u.at())
			if u.pair != nil && u.at() != u.pair.at() {
				fmt.Fprintf(w, " → %s", u.pair.at())
			}
			fmt.Fprintln(w)
			if diff && o.diff {
				m.diff(w, u)
			}
		}
	}
	two("path changed (x.f became x.sub.f, the receiver or the grouping of a literal changed)", path, true)
	two("method became function, or back (body the same)", turned, false)
	two("changed", changed, true)
	two("only in old", gone, false)
	two("only in new", added, false)
	conflicts := m.reportConflicts(w, o, concerns)
	merged := m.reportMerged(w, o)
	if o.mapping {
		m.reportMapping(w, o)
	}
	return len(path)+len(changed)+len(gone)+len(added)+conflicts+merged > 0
}

func (m *match) reportConflicts(w io.Writer, o options, concerns func(*unit) bool) int {
	n := 0
	var b strings.Builder
	for _, c := range m.conflicts {
		if concerns(c.in) || concerns(c.pair) {
			n++
			fmt.Fprintf(&b, "  %s → %s\n      %s is %s here, and %s in %d other bodies\n",
				c.in.at(), c.pair.at(), m.oldName(c.old), m.newName(c.is), m.newName(c.was), c.elsewhere)
		}
	}
	fmt.Fprintf(w, "conflicts (one object became two: a swapped or another call, field, type): %d\n", n)
	if !o.quiet {
		io.WriteString(w, b.String())
	}
	return n
}

func (m *match) reportMerged(w io.Writer, o options) int {
	n := 0
	var b strings.Builder
	for _, to := range sorted(m.merged) {
		var names []string
		seen := map[string]bool{}
		for _, key := range m.merged[to] {
			if name := m.oldName(key); !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
		if !within(o, append(names, m.newName(to))...) {
			continue
		}
		n++
		fmt.Fprintf(&b, "  %s → %s\n", strings.Join(names, ", "), m.newName(to))
	}
	fmt.Fprintf(w, "merged (two objects became one): %d\n", n)
	if !o.quiet {
		io.WriteString(w, b.String())
	}
	return n
}

func within(o options, names ...string) bool {
	if len(o.prefixes) == 0 {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(o.prefixes, func(p string) bool { return strings.HasPrefix(name, strings.TrimSuffix(p, "/")) })
	})
}

func (m *match) reportMapping(w io.Writer, o options) {
	seen := map[string]bool{}
	var lines []string
	for key, to := range m.mapping {
		from, into := m.oldName(key), m.newName(to)
		if line := from + " → " + into; from != into && !seen[line] && within(o, from, into) {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	fmt.Fprintf(w, "renamed or moved: %d\n", len(lines))
	for _, line := range lines {
		fmt.Fprintln(w, "  "+line)
	}
}

func (m *match) oldName(key string) string { return nameOf(m.old, key) }
func (m *match) newName(key string) string { return nameOf(m.now, key) }

func nameOf(t *tree, key string) string {
	if name := t.owners[key]; name != "" {
		return name
	}
	return key
}

// diff prints the tokens in which a pair differs, a few around them.
func (m *match) diff(w io.Writer, u *unit) {
	text := func(all []tok, name func(string) string, mapped bool) []string {
		var out []string
		for _, x := range all {
			switch {
			case x.key == "":
				out = append(out, x.text)
			case mapped && m.mapping[x.key] != "":
				out = append(out, m.newName(m.mapping[x.key]))
			default:
				out = append(out, name(x.key))
			}
		}
		return out
	}
	a, b := text(u.exact, m.oldName, true), text(u.pair.exact, m.newName, false)
	for _, h := range hunks(a, b) {
		fmt.Fprintf(w, "      - %s\n      + %s\n", strings.Join(h[0], " "), strings.Join(h[1], " "))
	}
}

// hunks are the differences of two sequences by their longest common one.
func hunks(a, b []string) [][2][]string {
	const around = 3
	length := common(len(a), len(b), func(i, j int) bool { return a[i] == b[j] })
	var all [][2][]string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		fromA, fromB := i, j
		same := 0 // equal tokens since the last difference
		for (i < len(a) || j < len(b)) && same < 2*around {
			switch {
			case i < len(a) && j < len(b) && a[i] == b[j]:
				i, j, same = i+1, j+1, same+1
			case j >= len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
				i, same = i+1, 0
			default:
				j, same = j+1, 0
			}
		}
		i, j = i-same, j-same
		before := min(around, fromA, fromB)
		all = append(all, [2][]string{
			a[fromA-before : min(i+around, len(a))],
			b[fromB-before : min(j+around, len(b))],
		})
	}
	return all
}
