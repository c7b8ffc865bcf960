package config

import (
	"fmt"
	"strings"
	"time"
)

func (d *decoder) projection(f *field) Projection {
	n := f.value
	p := Projection{
		Name: f.key, Place: f.place,
		Target:   n.get("target").string(),
		Alias:    n.get("alias").string(),
		Versions: n.get("version").string(),
		Infinite: n.get("not_finite").string(),
		Verify: Verify{
			Level: n.get("verify", "level").string(), Budget: n.get("verify", "budget").duration(),
			Ignore: columnList(n.get("verify", "ignore")), Queries: d.queries(n.get("verify", "queries")),
		},
		Limits: Limits{
			Rejections: n.get("limits", "rejections").int(),
			Poison:     n.get("limits", "poison").int(),
			InFlight:   n.get("limits", "inflight").size(),
			Writers:    int(n.get("limits", "writers").int()),
			Batch:      n.get("limits", "batch").size(),
			Rate:       n.get("limits", "max_bulk_mb_s").int() * 1_000_000,
			MaxOutage:  n.get("limits", "max_outage").duration(),
			Brake:      brakeOf(n.get("limits", "brake")),
		},
		Filling: Filling{MaxSegments: int(n.get("load", "max_segments").int()), Nodes: wordsOf(n.get("load", "nodes"))},
		Keep:    int(n.get("keep", "generations").int()), Priority: int(n.get("priority").int()),
	}
	kind := d.targetKind(n.get("target"))
	if p.Alias != "" {
		d.alias(n.get("alias"))
	}
	if p.Limits.Batch > p.Limits.InFlight && p.Limits.InFlight > 0 {
		d.problems.Add(n.get("limits", "batch").at(), "make limits.batch smaller, or limits.inflight larger",
			"a bulk request (limits.batch %s) is larger than all that may be in flight (limits.inflight %s)",
			n.get("limits", "batch").string(), n.get("limits", "inflight").string())
	}
	p.Index = d.index(f, kind)
	d.document(n.get("document"), &p)
	d.live(n, &p)
	p.Definition, p.Hash = p.define()
	return p
}

// brakeOf reads the percentiles and their limits; nil for none.
func brakeOf(n *node) map[int]time.Duration {
	var brake map[int]time.Duration
	for _, p := range brakes {
		if limit := n.get(fmt.Sprintf("search_p%d", p)).duration(); limit > 0 {
			if brake == nil {
				brake = map[int]time.Duration{}
			}
			brake[p] = limit
		}
	}
	return brake
}

// wordsOf reads a mapping of names to words; nil for none.
func wordsOf(n *node) map[string]string {
	var all map[string]string
	for _, f := range n.mapped() {
		if all == nil {
			all = map[string]string{}
		}
		all[f.key] = f.value.string()
	}
	return all
}

func (d *decoder) targetKind(n *node) string {
	if n.string() == "" {
		return ""
	}
	targets := d.root.get("targets")
	t := targets.field(n.string())
	if t == nil {
		d.problems.Add(n.at(), didYouMean(n.string(), keys(targets)), "there is no target %q", n.string())
		return ""
	}
	if len(t.value.fields) == 0 {
		return ""
	}
	return t.value.fields[0].key
}

// alias checks what Elasticsearch and OpenSearch forbid in names of indices, since
// generations are called after the alias.
func (d *decoder) alias(n *node) {
	name, bad := n.string(), ""
	const suffix = len("-20261123t214100")
	switch {
	case name == "." || name == "..":
		bad = "is no name"
	case strings.ToLower(name) != name:
		bad = "has upper-case letters"
	case strings.ContainsAny(name, `\/*?"<>| ,#:`+"\t\n\r"):
		bad = `has one of the characters \ / * ? " < > | , # : or a space`
	case strings.ContainsAny(name[:1], "-_+"):
		bad = "begins with -, _ or +"
	case strings.HasPrefix(name, "."):
		bad = "begins with a dot, as system indices do"
	case len(name)+suffix > 255:
		bad = "is too long: with the time behind it, it has more than 255 bytes"
	default:
		return
	}
	remedy := "names are lower case, begin with a letter or digit, and have no space or any of \\ / * ? \" < > | , # :"
	if fixed := fixName(name); fixed != "" {
		remedy = "write for example " + fixed + "; " + remedy
	}
	d.problems.Add(n.at(), remedy, "the alias %q %s: an index cannot be named so", name, bad)
}

func fixName(name string) string {
	fixed := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`\/*?"<>| ,#:`+"\t\n\r", r) {
			return '-'
		}
		return r
	}, strings.ToLower(name))
	fixed = strings.Trim(fixed, "-_+.")
	if len(fixed) > 200 {
		return ""
	}
	return fixed
}

// sharedAliases refuses two projections that would fight for one alias.
func (d *decoder) sharedAliases(c *Config) {
	seen := map[[2]string]string{}
	for _, p := range c.Projections {
		at := [2]string{p.Target, p.Alias}
		if first, ok := seen[at]; ok && p.Alias != "" {
			d.problems.Add(p.Place, "give each its own alias", "projections %s and %s have the same alias %q on the same target", first, p.Name, p.Alias)
		}
		seen[at] = p.Name
	}
}

func keys(n *node) []string {
	var all []string
	for _, f := range n.mapped() {
		all = append(all, f.key)
	}
	return all
}
