package main

import (
	"cmp"
	"maps"
	"slices"
)

// match pairs the units of two trees and finds the one mapping of objects that they agree on.
type match struct {
	old, now   *tree
	votes      map[string]map[string][]*unit // old key → new key → old units that say so
	back       map[string]map[string][]*unit // new key → old key
	declaredBy map[string]*unit              // old key → unit
	declaredIn map[string]*unit              // new key → unit
	ownOld     map[string]string             // old key → new key, as paired declarations say
	ownNow     map[string]string
	hints      map[string]map[string][]*unit // like votes, of bodies that changed: good for pairing, proves nothing
	folders    map[string]map[string]int     // old folder → new folder → pairs
	conflicts  []conflict
	mapping    map[string]string
	merged     map[string][]string // new key → several old keys
}

type conflict struct {
	in, pair  *unit
	old       string // key
	is, was   string // new keys: what stands here, what stands elsewhere
	elsewhere int
}

func newMatch(old, now *tree) *match {
	m := &match{
		old: old, now: now, votes: map[string]map[string][]*unit{}, back: map[string]map[string][]*unit{}, hints: map[string]map[string][]*unit{},
		declaredBy: map[string]*unit{}, declaredIn: map[string]*unit{}, ownOld: map[string]string{}, ownNow: map[string]string{},
		folders: map[string]map[string]int{}, mapping: map[string]string{}, merged: map[string][]string{},
	}
	for _, u := range old.units {
		m.declaredBy[u.key] = u
	}
	for _, u := range now.units {
		m.declaredIn[u.key] = u
	}
	m.run()
	m.decide()
	return m
}

func exactShape(u *unit) string { return u.shape }
func shortShape(u *unit) string { return u.shortShape }

// run goes from what is sure to what is likely, and back to the start whenever a pair was found.
func (m *match) run() {
	m.byName(exactShape, "exact", (*unit).full)
	for {
		switch {
		case m.byVote(exactShape, "exact"):
		case m.byName(exactShape, "exact", m.movedName):
		case m.byName(exactShape, "exact", func(u *unit) string { return u.recv + "." + u.name }):
		case m.byName(exactShape, "exact", func(u *unit) string { return u.name }):
		case m.byAgreement(exactShape, "exact"):
		case m.byName(exactShape, "exact", func(u *unit) string { return "" }):
		case m.byName(shortShape, "path", m.movedName):
		case m.byVote(shortShape, "path"):
		case m.byName(shortShape, "path", func(u *unit) string { return u.name }):
		case m.byAgreement(shortShape, "path"):
		case m.byName(shortShape, "path", func(u *unit) string { return "" }):
		case m.inOrder():
		default:
			if !m.changed() {
				return
			}
		}
	}
}

// movedName is the full name with the folder where most of its old folder went.
func (m *match) movedName(u *unit) string {
	dir := u.dir
	if m.declaredBy[u.key] == u {
		most := 0
		for _, to := range sorted(m.folders[u.dir]) {
			if n := m.folders[u.dir][to]; n > most {
				dir, most = to, n
			}
		}
	}
	return dir + "." + u.recv + "." + u.name
}

func open(all []*unit) []*unit {
	var some []*unit
	for _, u := range all {
		if u.pair == nil {
			some = append(some, u)
		}
	}
	return some
}

// byName pairs units of one shape and one name where each side has exactly one.
func (m *match) byName(shape func(*unit) string, how string, name func(*unit) string) bool {
	type id struct{ kind, shape, name string }
	group := func(all []*unit) map[id][]*unit {
		groups := map[id][]*unit{}
		for _, u := range open(all) {
			k := id{u.kind, shape(u), name(u)}
			groups[k] = append(groups[k], u)
		}
		return groups
	}
	olds, news := group(m.old.units), group(m.now.units)
	found := false
	for k, o := range olds {
		if n := news[k]; len(o) == 1 && len(n) == 1 && (k.name != "" || m.agrees(o[0], n[0], shape)) {
			m.pair(o[0], n[0], how)
			found = true
		}
	}
	return found
}

// byVote pairs declarations that bodies already paired take for each other.
func (m *match) byVote(shape func(*unit) string, how string) bool {
	found := false
	for _, u := range open(m.old.units) {
		if n := m.voted(u); n != nil && shape(u) == shape(n) {
			m.pair(u, n, how)
			found = true
		}
	}
	return found
}

// voted is the declaration that most bodies take for u, if it is free.
func (m *match) voted(u *unit) *unit {
	to := most(m.votes[u.key])
	if n := m.declaredIn[to]; n != nil && n.pair == nil && n.kind == u.kind && most(m.back[to]) == u.key {
		return n
	}
	return nil
}

func most(votes map[string][]*unit) string {
	best := ""
	for _, to := range sorted(votes) {
		if len(votes[to]) > len(votes[best]) {
			best = to
		}
	}
	return best
}

// byAgreement pairs units of one shape where all that is known of their objects leaves one choice.
func (m *match) byAgreement(shape func(*unit) string, how string) bool {
	type id struct{ kind, shape string }
	news := map[id][]*unit{}
	for _, n := range open(m.now.units) {
		news[id{n.kind, shape(n)}] = append(news[id{n.kind, shape(n)}], n)
	}
	found := false
	for _, u := range open(m.old.units) {
		var only *unit
		several := false
		for _, n := range news[id{u.kind, shape(u)}] {
			if n.pair == nil && m.agrees(u, n, shape) {
				several = several || only != nil
				only = n
			}
		}
		if only != nil && !several {
			m.pair(u, only, how)
			found = true
		}
	}
	return found
}

// agrees reports that nothing known speaks against a pair.
func (m *match) agrees(u, n *unit, shape func(*unit) string) bool {
	a, b := u.exact, n.exact
	if u.shape != n.shape {
		a, b = u.short, n.short
	}
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].key == "" {
			continue
		}
		if to := cmp.Or(m.ownOld[a[i].key], most(m.votes[a[i].key])); to != "" && to != b[i].key {
			return false
		}
		if from := cmp.Or(m.ownNow[b[i].key], most(m.back[b[i].key])); from != "" && from != a[i].key {
			return false
		}
	}
	return true
}

// inOrder pairs what is left of one shape and one old folder by place; conflicts show if that is wrong.
func (m *match) inOrder() bool {
	type id struct{ kind, shape, name string }
	news := map[id][]*unit{}
	for _, n := range open(m.now.units) {
		k := id{n.kind, n.shape, m.movedName(n)}
		news[k] = append(news[k], n)
	}
	found := false
	for _, u := range open(m.old.units) {
		k := id{u.kind, u.shape, m.movedName(u)}
		if all := news[k]; len(all) > 0 {
			m.pair(u, all[0], "exact")
			news[k] = all[1:]
			found = true
		}
	}
	return found
}

// changed pairs what is left by votes, then by name: the bodies differ.
func (m *match) changed() bool {
	for _, u := range open(m.old.units) {
		if n := m.voted(u); n != nil {
			m.pair(u, n, "changed")
			return true
		}
	}
	for _, u := range open(m.old.units) {
		if n := m.declaredIn[most(m.hints[u.key])]; n != nil && n.pair == nil && n.kind == u.kind {
			m.pair(u, n, m.likeness(u, n))
			return true
		}
	}
	names := []func(*unit) string{
		(*unit).full, m.movedName,
		func(u *unit) string { return u.recv + "." + u.name },
		func(u *unit) string { return u.name },
	}
	for _, name := range names {
		olds, news := map[string][]*unit{}, map[string][]*unit{}
		for _, u := range open(m.old.units) {
			olds[u.kind+name(u)] = append(olds[u.kind+name(u)], u)
		}
		for _, n := range open(m.now.units) {
			news[n.kind+name(n)] = append(news[n.kind+name(n)], n)
		}
		found := false
		for _, k := range sorted(olds) {
			if len(olds[k]) == 1 && len(news[k]) == 1 && olds[k][0].name != "_" {
				m.pair(olds[k][0], news[k][0], "changed")
				found = true
			}
		}
		if found {
			return true
		}
	}
	return m.alike()
}

// alike pairs the two functions that have most in common, if that is about half of both.
func (m *match) alike() bool {
	const least = 0.45
	var best [2]*unit
	most := least
	news := open(m.now.units)
	for _, u := range open(m.old.units) {
		for _, n := range news {
			if u.kind == "func" && n.kind == "func" {
				if s := similarity(u.grams(), n.grams()); s > most {
					best, most = [2]*unit{u, n}, s
				}
			}
		}
	}
	if best[0] == nil {
		return false
	}
	m.pair(best[0], best[1], "changed")
	return true
}

// grams are the runs of a few tokens that a body has.
func (u *unit) grams() map[string]bool {
	const size = 4
	if u.runs == nil {
		u.runs = map[string]bool{}
		for i := 0; i+size <= len(u.short); i++ {
			u.runs[shape(u.short[i:i+size])] = true
		}
	}
	return u.runs
}

func similarity(a, b map[string]bool) float64 {
	const fewest = 12 // runs of a body that says anything
	if len(a) < fewest || len(b) < fewest || 2*len(a) < len(b) || 2*len(b) < len(a) {
		return 0
	}
	both := 0
	for run := range a {
		if b[run] {
			both++
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

func (m *match) pair(u, n *unit, how string) {
	u.pair, n.pair = n, u
	u.how, n.how = how, how
	m.ownOld[u.key], m.ownNow[n.key] = n.key, u.key
	if m.folders[u.dir] == nil {
		m.folders[u.dir] = map[string]int{}
	}
	m.folders[u.dir][n.dir]++
	if how == "changed" {
		for _, p := range aligned(u.exact, n.exact) {
			vote(m.hints, p[0], p[1], u)
		}
	}
	for _, p := range pairs(u) {
		vote(m.votes, p[0], p[1], u)
		vote(m.back, p[1], p[0], u)
		if how == "exact" && u.kind != "func" && m.declares(u, p[0]) {
			m.ownOld[p[0]], m.ownNow[p[1]] = p[1], p[0]
		}
	}
}

// likeness is how a pair is called that something speaks for.
func (m *match) likeness(u, n *unit) string {
	switch {
	case u.shape == n.shape:
		return "exact"
	case u.shortShape == n.shortShape:
		return "path"
	}
	return "changed"
}

func vote(votes map[string]map[string][]*unit, from, to string, by *unit) {
	if votes[from] == nil {
		votes[from] = map[string][]*unit{}
	}
	votes[from][to] = append(votes[from][to], by)
}

// declares reports a field or another object whose place lies in the declaration u.
func (m *match) declares(u *unit, key string) bool {
	name := m.old.owners[key]
	return name == u.full() || len(name) > len(u.full()) && name[:len(u.full())+1] == u.full()+"."
}

// pairs are the objects that stand at the same places of a pair.
func pairs(u *unit) [][2]string {
	a, b := u.exact, u.pair.exact
	switch u.how {
	case "path":
		a, b = u.short, u.pair.short
	case "changed":
		return [][2]string{{u.key, u.pair.key}}
	}
	var all [][2]string
	for i := range a {
		if a[i].key != "" {
			all = append(all, [2]string{a[i].key, b[i].key})
		}
	}
	return all
}

// aligned are the objects at the places that two changed bodies have in common.
func aligned(a, b []tok) [][2]string {
	const around = 3 // tokens that are the same on each side of a pair
	var all [][2]string
	length := common(len(a), len(b), func(i, j int) bool { return a[i].text == b[j].text })
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].text == b[j].text:
			if a[i].key != "" && like(a, b, i, j, around) {
				all = append(all, [2]string{a[i].key, b[j].key})
			}
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return all
}

func like(a, b []tok, i, j, around int) bool {
	for d := -around; d <= around; d++ {
		x, y := i+d, j+d
		if x < 0 || y < 0 || x >= len(a) || y >= len(b) {
			continue
		}
		if a[x].text != b[y].text {
			return false
		}
	}
	return true
}

// common is the table of the longest common subsequences of all ends of two sequences.
func common(n, m int, same func(i, j int) bool) [][]int32 {
	length := make([][]int32, n+1)
	for i := range length {
		length[i] = make([]int32, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if same(i, j) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	return length
}

// decide fixes the mapping: a declaration's own pair before what most bodies say. Then every
// place that says otherwise is a conflict.
func (m *match) decide() {
	from := map[string][]string{}
	for key, votes := range m.votes {
		to := cmp.Or(m.ownOld[key], most(votes))
		m.mapping[key] = to
		from[to] = append(from[to], key)
	}
	for to, keys := range from {
		if len(keys) > 1 {
			slices.Sort(keys)
			m.merged[to] = keys
		}
	}
	for _, u := range m.old.units {
		if u.pair == nil {
			continue
		}
		said := map[[2]string]bool{}
		for _, p := range pairs(u) {
			if to := m.mapping[p[0]]; to != p[1] && !said[p] {
				said[p] = true
				m.conflicts = append(m.conflicts, conflict{u, u.pair, p[0], p[1], to, len(m.votes[p[0]][to])})
			}
		}
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
