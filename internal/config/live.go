package config

// live reads how a run lives with what others write meanwhile.
func (d *decoder) live(n *node, p *Projection) {
	p.Live = n.get("consistency").string() == "live"
	p.Writer = n.get("writer").string()
	feed := n.get("keep", "feed_previous")
	p.Feed = feed.bool()
	if p.Live && (p.Events != nil || len(p.Joined) > 0) {
		d.problems.Add(n.get("consistency").at(), "write consistency: snapshot, or take every include from the root's database",
			"consistency: live is for documents of one database's tables: %s reads topics, or a second source", p.Name)
	}
	if !p.Live && (p.Writer == "freeze" || p.Writer == "follow") {
		d.problems.Add(n.get("writer").at(), "add consistency: live, or leave writer out",
			"writer: %s needs consistency: live: with a snapshot, what is written during the run is not in the new generation", p.Writer)
	}
	if p.Feed && p.Writer != "follow" {
		d.problems.Add(feed.at(), "write writer: follow, or leave feed_previous out",
			"keep.feed_previous is what humpty follow does, and %s has writer: %s", p.Name, p.Writer)
	}
}
