package config

// decoder turns a checked tree into the types, with the checks that need more than
// one key.
type decoder struct{ *input }

func (d decoder) config() *Config {
	if v := d.root.get("version"); v.int() > 1 {
		d.problems.Add(v.at(), "write version: 1, or use a newer humpty", "version %s of the file's format is not known", v.string())
	}
	d.encrypt = d.root.get("require_tls").bool()
	c := &Config{File: d.file, State: d.path(d.root.get("state"))}
	for _, f := range d.root.get("sources").mapped() {
		c.Sources = append(c.Sources, sourceDecoder(d).source(f))
	}
	for _, f := range d.root.get("targets").mapped() {
		c.Targets = append(c.Targets, targetDecoder(d).target(f))
	}
	for _, f := range d.root.get("projections").mapped() {
		c.Projections = append(c.Projections, projectionDecoder(d).projection(f))
	}
	d.sharedAliases(c)
	return c
}

// sharedAliases refuses two projections that would fight for one alias.
func (d decoder) sharedAliases(c *Config) {
	seen := map[[2]string]string{}
	for _, p := range c.Projections {
		at := [2]string{p.Target, p.Alias}
		if first, ok := seen[at]; ok && p.Alias != "" {
			d.problems.Add(p.Place, "give each its own alias", "projections %s and %s have the same alias %q on the same target", first, p.Name, p.Alias)
		}
		seen[at] = p.Name
	}
}
