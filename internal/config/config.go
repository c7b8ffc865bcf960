package config

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"humpty/internal/problem"
)

// Config is a checked file.
type Config struct {
	File        string // as it was named
	State       string // folder of the runs' state, relative to the working folder; empty: by default
	Sources     []Source
	Targets     []Target
	Projections []Projection
	Settings    []Setting    // every value in force, in the file's order
	Warnings    problem.List // worth saying, no reason to stop
}

// Options of Load. The zero value reads the process's environment.
type Options struct {
	Env       func(string) (string, bool) // os.LookupEnv if nil
	Overrides []Override
	Secret    func(string) // told each secret before anything is said about the file; may be nil
}

// Load reads and checks a file. A non-nil error is a problem.List with everything that
// is wrong, also when the file cannot be read.
func Load(file string, opts Options) (*Config, error) {
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	data, err := readFile(file)
	if err != nil {
		var l problem.List
		l.Add(file, "name it with --config or HUMPTY_CONFIG; `humpty help config` shows a small one", "cannot read the configuration: %v", plainCause(err))
		return nil, l
	}
	return read(file, data, opts)
}

func read(file string, data []byte, opts Options) (*Config, error) {
	root, problems := parse(file, data)
	if root == nil {
		return nil, problems
	}
	problems = append(problems, expand(root, filepath.Dir(file), opts.Env)...)
	override(root, opts.Overrides)
	c := &checker{problems: problems}
	c.check(root, grammar(), "")
	if opts.Secret != nil {
		c.tell(opts.Secret)
	}
	in := &input{file: file, env: opts.Env, root: root, problems: c.problems}
	out := decoder{in}.config()
	out.Settings = c.settings
	out.Warnings = in.problems.Warnings()
	if err := in.problems.Err(); err != nil {
		return nil, sorted(in.problems.Errors())
	}
	return out, nil
}

// Projection finds a projection by name; an empty name is the only one there is.
func (c *Config) Projection(name string) (Projection, error) {
	var all []string
	for _, p := range c.Projections {
		if p.Name == name || name == "" && len(c.Projections) == 1 {
			return p, nil
		}
		all = append(all, p.Name)
	}
	var l problem.List
	if name == "" {
		l.Add(c.File, didYouMean("", all), "there are %d projections: say which one", len(all))
	} else {
		l.Add(c.File, didYouMean(name, all), "there is no projection %q", name)
	}
	return Projection{}, l
}

// ByPriority are the projections as `humpty rebuild --all` takes them: those with the highest
// priority first, equal ones in the file's order.
func (c *Config) ByPriority() []Projection {
	all := slices.Clone(c.Projections)
	slices.SortStableFunc(all, func(a, b Projection) int { return cmp.Compare(b.Priority, a.Priority) })
	return all
}

// Source finds a source by name; projections name only what is there.
func (c *Config) Source(name string) Source {
	for _, s := range c.Sources {
		if s.Name == name {
			return s
		}
	}
	return Source{}
}

// Target finds a target by name; projections name only what is there.
func (c *Config) Target(name string) Target {
	for _, t := range c.Targets {
		if t.Name == name {
			return t
		}
	}
	return Target{}
}

// ProjectionNames lists the projections of a file, for a shell's completion: it asks for
// no variables, and gives nothing where the file cannot be read.
func ProjectionNames(file string) []string {
	data, err := readFile(file)
	if err != nil {
		return nil
	}
	root, _ := parse(file, data)
	return keys(root.get("projections"))
}
