package config

import (
	"slices"
	"strings"
)

// databases are the PostgreSQL sources of a projection.
func (p *Projection) databases() (all []string) {
	if p.Events == nil {
		all = append(all, p.Source)
	}
	for _, j := range p.Joined {
		if j.Shape != nil && !slices.Contains(all, j.Source) {
			all = append(all, j.Source)
		}
	}
	return all
}

// Database is the PostgreSQL source whose tables the projection reads, the root's if that
// is a table; empty if it reads topics alone.
func (p *Projection) Database() string {
	if all := p.databases(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// catchUp reads how a run that captures nothing is told what others write.
func (d *decoder) catchUp(n *node, p *Projection) {
	c := n.get("catch_up")
	if c == nil {
		return
	}
	p.CatchUp = &CatchUp{Updated: c.get("updated_at").string(), Margin: c.get("margin").duration()}
	switch {
	case p.Live:
		d.problems.Add(c.at(), "remove it, or write consistency: snapshot", "catch_up is for consistency: snapshot: with live everything is caught up with")
	case p.Events != nil || len(p.Joined) > 0:
		d.problems.Add(c.at(), "write consistency: live", "catch_up is for documents of tables of one database alone, and %s reads topics or several sources", p.Name)
	}
	p.Live = true
}

// live reads how a run lives with what others write meanwhile.
func (d *decoder) live(n *node, p *Projection) {
	p.Live = n.get("consistency").string() == "live"
	d.catchUp(n, p)
	p.Writer = n.get("writer").string()
	feed := n.get("keep", "feed_previous")
	p.Feed = feed.bool()
	if all := p.databases(); p.Live && len(all) > 1 {
		d.problems.Add(n.get("consistency").at(), "write consistency: snapshot, or take all tables from one database",
			"consistency: live is for tables of one database, beside topics: %s reads those of %s; transactions of two databases cannot be compared", p.Name, strings.Join(all, " and "))
	}
	if !p.Live && p.Writer == "freeze" || (!p.Live || p.CatchUp != nil) && p.Writer == "follow" {
		d.problems.Add(n.get("writer").at(), "add consistency: live, or leave writer out",
			"writer: %s needs consistency: live: with a snapshot, what is written during the run is not in the new generation", p.Writer)
	}
	if p.Feed && p.Writer != "follow" {
		d.problems.Add(feed.at(), "write writer: follow, or leave feed_previous out",
			"keep.feed_previous is what humpty follow does, and %s has writer: %s", p.Name, p.Writer)
	}
}
