package config

import (
	"path/filepath"
	"regexp"
	"strings"

	"humpty/internal/problem"
)

// expand replaces ${VAR}, ${VAR:-default} and ${file:/path} in all scalars below n;
// $${ stands for ${ itself; files are relative to dir. What comes out is never parsed as YAML again.
func expand(n *node, dir string, env func(string) (string, bool)) problem.List {
	var problems problem.List
	form := regexp.MustCompile(`\$?\$\{[^}]*\}?`)
	var walk func(*node)
	walk = func(n *node) {
		if n.kind == text && strings.Contains(n.text, "${") {
			n.text = form.ReplaceAllStringFunc(n.text, func(ref string) string {
				if strings.HasPrefix(ref, "$${") {
					return ref[1:]
				}
				return n.resolve(ref, dir, env, &problems)
			})
		}
		for _, item := range n.items {
			walk(item)
		}
		for _, f := range n.fields {
			walk(f.value)
		}
	}
	walk(n)
	return problems
}

// resolve gives the value of one reference; a problem never shows the value.
func (n *node) resolve(ref, dir string, env func(string) (string, bool), problems *problem.List) string {
	if !strings.HasSuffix(ref, "}") {
		problems.Add(n.place, "write ${NAME}, ${NAME:-default} or ${file:/path}; $${ for the characters themselves", "a ${ is not closed")
		n.reported = true
		return ""
	}
	n.loose = true
	inner := ref[2 : len(ref)-1]
	if path, ok := strings.CutPrefix(inner, "file:"); ok {
		n.vars = append(n.vars, inner)
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		data, err := readFile(path)
		if err != nil {
			problems.Add(n.place, "create it, or name another file", "${%s} cannot be read: %v", inner, plainCause(err))
			n.reported = true
		}
		return strings.TrimRight(string(data), "\r\n")
	}
	name, fallback, has := strings.Cut(inner, ":-")
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
		problems.Add(n.place, "write ${NAME}, ${NAME:-default} or ${file:/path}; $${ for the characters themselves", "%s is not a variable", ref)
		n.reported = true
		return ""
	}
	n.vars = append(n.vars, name)
	value, ok := env(name)
	switch {
	case ok && (value != "" || !has):
		return value
	case has:
		return fallback
	}
	problems.Add(n.place, "export "+name+"=…, or give a default: ${"+name+":-…}", "the environment variable %s is not set", name)
	n.reported = true
	return ""
}
