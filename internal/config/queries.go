package config

import (
	"os"
	"path/filepath"
)

// queries reads the file that verify.queries names; its problems join the others.
func (d *decoder) queries(n *node) []Query {
	file := d.path(n)
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
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
