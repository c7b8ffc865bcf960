package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// projectionDecoder reads one of projections.
type projectionDecoder struct{ *input }

func (d projectionDecoder) projection(f *field) Projection {
	n := f.value
	p := Projection{
		Name: f.key, Place: f.place,
		Target:    n.get("target").string(),
		Alias:     n.get("alias").string(),
		NotFinite: n.get("not_finite").string(),
		Verify: Verify{
			Level: n.get("verify", "level").string(), Budget: n.get("verify", "budget").duration(),
			Ignore: columnList(n.get("verify", "ignore")), Queries: d.queries(n.get("verify", "queries")),
		},
		Limits: Limits{
			Rejections: n.get("limits", "rejections").int(),
			Poison:     n.get("limits", "poison").int(),
			Follow:     FollowLimits{Rejections: followLimit(n.get("limits", "rejections")), Poison: followLimit(n.get("limits", "poison"))},
			InFlight:   n.get("limits", "inflight").size(),
			Writers:    int(n.get("limits", "writers").int()),
			Batch:      n.get("limits", "batch").size(),
			Rate:       n.get("limits", "max_bulk_mb_s").int() * 1_000_000,
			MaxOutage:  n.get("limits", "max_outage").duration(),
			Shrink:     n.get("limits", "shrink").percent(),
			Brake:      brakeOf(n.get("limits", "brake")),
		},
		Load: IndexLoad{MaxSegments: int(n.get("load", "max_segments").int()), Nodes: wordsOf(n.get("load", "nodes"))},
		Keep: int(n.get("keep", "generations").int()), Priority: int(n.get("priority").int()),
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
	p.Index = indexDecoder(d).index(f, kind)
	(&documentDecoder{input: d.input}).document(n.get("document"), &p)
	d.live(n, &p)
	d.versions(n.get("version"), kind, &p)
	p.Definition, p.Hash = p.define()
	return p
}

// versions reads where the versions of documents come from.
func (d projectionDecoder) versions(n *node, kind string, p *Projection) {
	column := n.get("column")
	if column == nil {
		p.Versions = n.string()
		return
	}
	p.Versions, p.Document.Version = "column", column.string()
	const instead = "write version: class, and let the application write unversioned"
	switch {
	case p.Events != nil || len(p.Joined) > 0:
		d.problems.Add(column.at(), instead,
			"version: {column: %s} is for documents of tables of one database alone, and %s reads topics or several sources: a change there does not raise the column", column.string(), p.Name)
	case kind == "null" && p.Live:
		d.problems.Add(column.at(), "write consistency: snapshot; or version: class",
			"version: {column: %s} with consistency: live asks the target for the versions that it has, and %s keeps nothing", column.string(), p.Target)
	case p.Document.Query != "":
		d.problems.Add(column.at(), "write from: SOURCE.TABLE; or "+instead, "version: {column: %s} needs a table, and the document's root is a query", column.string())
	case len(p.Document.Include) > 0 && !n.get("raised_by_every_change").bool():
		d.problems.Add(column.at(), "if it does so: version: {column: "+column.string()+", raised_by_every_change: true}; else "+instead,
			"version: {column: %s} with include: the versions are right only if every change of an included row raises the column of its root row", column.string())
	}
}

// refusedByDefault is how many documents may be refused, and events be unreadable, while a
// projection is followed, where the file does not say.
const refusedByDefault = 1000

func followLimit(n *node) int64 {
	if n == nil || n.origin == "default" {
		return refusedByDefault
	}
	return n.int()
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

func (d projectionDecoder) targetKind(n *node) string {
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
func (d projectionDecoder) alias(n *node) {
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

// catchUp reads how a run that captures nothing is told what others write.
func (d projectionDecoder) catchUp(n *node, p *Projection) {
	c := n.get("catch_up")
	if c == nil {
		return
	}
	p.CatchUp = &CatchUp{TimestampColumn: c.get("updated_at").string(), Margin: c.get("margin").duration()}
	switch {
	case p.Live:
		d.problems.Add(c.at(), "remove it, or write consistency: snapshot", "catch_up is for consistency: snapshot: with live everything is caught up with")
	case p.Events != nil || len(p.Joined) > 0:
		d.problems.Add(c.at(), "write consistency: live", "catch_up is for documents of tables of one database alone, and %s reads topics or several sources", p.Name)
	}
	p.Live = true
}

// live reads how a run lives with what others write meanwhile.
func (d projectionDecoder) live(n *node, p *Projection) {
	p.Live = n.get("consistency").string() == "live"
	d.catchUp(n, p)
	p.Writer = n.get("writer").string()
	feed := n.get("keep", "feed_previous")
	if p.FeedPrevious = feed.duration(); feed.bool() {
		p.FeedPrevious = FeedAlways
	}
	if all := p.databases(); p.Live && len(all) > 1 {
		d.problems.Add(n.get("consistency").at(), "write consistency: snapshot, or take all tables from one database",
			"consistency: live is for tables of one database, beside topics: %s reads those of %s; transactions of two databases cannot be compared", p.Name, strings.Join(all, " and "))
	}
	if !p.Live && p.Writer == "freeze" || (!p.Live || p.CatchUp != nil) && p.Writer == "follow" {
		d.problems.Add(n.get("writer").at(), "add consistency: live, or leave writer out",
			"writer: %s needs consistency: live: with a snapshot, what is written during the run is not in the new generation", p.Writer)
	}
	if p.FeedPrevious != 0 && p.Writer != "follow" {
		d.problems.Add(feed.at(), "write writer: follow, or leave feed_previous out",
			"keep.feed_previous is what humpty follow does, and %s has writer: %s", p.Name, p.Writer)
	}
}

// queries reads the file that verify.queries names; its problems join the others.
func (d projectionDecoder) queries(n *node) []Query {
	file := d.path(n)
	if file == "" {
		return nil
	}
	data, err := readFile(file)
	if err != nil {
		d.problems.Add(n.at(), "create it, or correct the path: it is relative to "+d.file, "cannot read the queries %s: %v", file, plainCause(err))
		return nil
	}
	root, problems := parse(file, data)
	d.problems = append(d.problems, problems...)
	if root == nil {
		return nil
	}
	c := &checker{problems: expand(root, filepath.Dir(file), d.env)}
	c.check(root, queriesRule(), "queries")
	d.problems = append(d.problems, c.problems...)
	var all []Query
	for _, f := range root.mapped() {
		q := Query{
			Name: f.key, Place: f.place, MinHits: f.value.get("min_hits").int(), MaxHits: -1,
			MustInclude: columnList(f.value.get("must_include")), MaxLatency: f.value.get("max_latency").duration(),
		}
		if body := f.value.get("body"); body != nil {
			q.Body = inline(body)
		}
		if most := f.value.get("max_hits"); most != nil {
			q.MaxHits = most.int()
		}
		all = append(all, q)
	}
	return all
}
