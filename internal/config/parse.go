package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"humpty/internal/problem"
)

// parse turns the file into a tree. The problems are syntax errors, duplicate keys and
// what YAML can say but this file may not.
func parse(file string, data []byte) (*node, problem.List) {
	if deep := tooDeep(file, data); deep != nil {
		return nil, deep
	}
	p := &yamlParser{file: file, anchors: map[string]ast.Node{}}
	parsed, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, problem.List{p.syntax(err)}
	}
	var bodies []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		p.problems.Add(file, "write at least version, sources, targets and projections; `humpty help config` shows a small one", "the file is empty")
		return nil, p.problems
	case len(bodies) > 1:
		p.problems.Add(p.at(bodies[1].GetToken()), "keep one document a file, and choose with --config", "a second YAML document begins here")
	}
	root := p.node(bodies[0])
	if p.beyond {
		return nil, p.problems
	}
	if root.kind != mapping {
		p.problems.Add(root.place, "begin with `version: 1`", "the file must be a mapping at its top, not %s", root.kind)
		return nil, p.problems
	}
	return root, p.problems
}

type yamlParser struct {
	file     string
	anchors  map[string]ast.Node
	open     []string // aliases being followed, against cycles
	nodes    int      // read so far
	depth    int      // of the value that is read
	beyond   bool     // a bound was passed, and that was said
	problems problem.List
}

// syntax takes message and position of a parser's error, and not its snippet: the line
// may hold a secret.
func (p *yamlParser) syntax(err error) problem.Problem {
	out := problem.Problem{Place: p.file, What: "not valid YAML: " + err.Error()}
	var known yaml.Error
	if !errors.As(err, &known) {
		return out
	}
	out.What = "not valid YAML: " + known.GetMessage()
	tk := known.GetToken()
	if tk == nil || tk.Position == nil {
		return out
	}
	out.Place = p.at(tk)
	switch {
	case strings.Contains(tk.Origin, "\t") || strings.Contains(known.GetMessage(), "'\t'"):
		out.Remedy = "indent with spaces, not tabs"
	case tk.Value == "{" || (tk.Prev != nil && strings.HasSuffix(tk.Prev.Value, "$")):
		out.Remedy = `inside { } a variable needs quotes: "${VAR}"`
	}
	return out
}

func (p *yamlParser) at(tk *token.Token) string {
	return place(p.file, tk.Position.Line, tk.Position.Column)
}

func (p *yamlParser) node(n ast.Node) *node {
	out := &node{place: p.at(n.GetToken()), origin: "file"}
	p.depth++
	defer func() { p.depth-- }()
	if !p.within(out.place) {
		out.reported = true
		return out
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mapping
		if len(n.Values) > 0 && !n.IsFlowStyle {
			out.place = p.at(n.Values[0].Key.GetToken())
		}
		p.fields(out, n.Values)
	case *ast.MappingValueNode:
		out.kind, out.place = mapping, p.at(n.Key.GetToken())
		p.fields(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = sequence
		for _, item := range n.Values {
			out.items = append(out.items, p.node(item))
		}
	case *ast.AnchorNode:
		p.anchors[n.Name.GetToken().Value] = n.Value
		return p.node(n.Value)
	case *ast.AliasNode:
		return p.alias(n)
	case *ast.TagNode:
		p.problems.Add(out.place, "leave it out: types follow from the keys", "the tag %s is not understood", n.Start.Value)
		return p.node(n.Value)
	case *ast.LiteralNode:
		out.kind, out.text = text, n.Value.Value
	case *ast.StringNode:
		out.kind, out.text = text, n.Value
	case *ast.IntegerNode:
		out.kind, out.text = integer, n.Token.Value
	case *ast.FloatNode:
		out.kind, out.text = number, n.Token.Value
	case *ast.BoolNode:
		out.kind, out.text = boolean, strings.ToLower(n.Token.Value)
	case *ast.NullNode:
		if n.Token.Type != token.ImplicitNullType {
			out.text = n.Token.Value // it was written, and may be meant as a word
		}
	default:
		p.problems.Add(out.place, "write a plain value", "%s is not understood here", n.Type())
	}
	return out
}

// fields fills a mapping; `<<` brings in keys that are not given beside it.
func (p *yamlParser) fields(out *node, values []*ast.MappingValueNode) {
	var merged []*field
	for _, v := range values {
		if v.Key.IsMergeKey() {
			from := p.node(v.Value)
			if from.kind != mapping {
				p.problems.Add(from.place, "merge a mapping: `<<: *name`", "`<<` takes an alias of a mapping, not %s", from.kind)
			}
			merged = append(merged, from.fields...)
			continue
		}
		f := &field{key: v.Key.GetToken().Value, place: p.at(v.Key.GetToken())}
		if first := out.field(f.key); first != nil {
			p.problems.Add(f.place, "remove one of the two", "the key %q is there twice; the first is at %s", f.key, first.place)
			continue
		}
		f.value = p.node(v.Value)
		if f.value.kind == null {
			f.value.place = f.place
		}
		out.fields = append(out.fields, f)
	}
	for _, f := range merged {
		if out.field(f.key) == nil {
			out.fields = append(out.fields, f)
		}
	}
}

func (p *yamlParser) alias(n *ast.AliasNode) *node {
	name := n.Value.GetToken().Value
	here := p.at(n.Start)
	target, ok := p.anchors[name]
	if !ok {
		p.problems.Add(here, fmt.Sprintf("write `&%s` before the value that is meant, above this line", name), "there is no anchor %q", name)
		return &node{place: here, origin: "file", reported: true}
	}
	for _, open := range p.open {
		if open == name {
			p.problems.Add(here, "a value cannot hold itself", "the alias %q leads back to itself", name)
			return &node{place: here, origin: "file", reported: true}
		}
	}
	p.open = append(p.open, name)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	return p.node(target)
}

// A configuration is read before anything of it is trusted. These bounds are far above what
// people write, and far below what a small file can cost: a few aliases of aliases are
// millions of values, and a line of brackets is a tree as deep as the line is long.
const (
	maxFile  = 8 << 20 // bytes of one file
	maxNodes = 500_000 // values of one file, each alias counted as what it stands for
	maxDepth = 100     // values within values
)

// readFile reads a file that a user names, up to the bound.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d MB", maxFile>>20)
	}
	return data, err
}

// tooDeep finds brackets, and dashes, tags and anchors in a row, that nest deeper than the
// bound, before the parser follows them with its stack.
func tooDeep(file string, data []byte) problem.List {
	var problems problem.List
	brackets, row, line := 0, 0, 0
	for _, tk := range lexer.Tokenize(string(data)) {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets = max(brackets-1, 0)
		case token.SequenceEntryType, token.MappingKeyType:
			if tk.Position.Line != line {
				row = 0 // the next item of a list
			}
			row++
		case token.TagType, token.AnchorType:
			row++
		default:
			if tk.Prev == nil || tk.Prev.Type != token.AnchorType { // an anchor's name
				row = 0
			}
		}
		line = tk.Position.Line
		if brackets > maxDepth || row > maxDepth {
			problems.Add(place(file, line, tk.Position.Column), "flatten it: no part of a configuration is that deep", "values within values, more than %d deep", maxDepth)
			break
		}
	}
	return problems
}

// within counts a value, and reports the first one beyond a bound; what is beyond is not read.
func (p *yamlParser) within(at string) bool {
	p.nodes++
	switch {
	case p.beyond:
	case p.depth > maxDepth:
		p.problems.Add(at, "flatten it: no part of a configuration is that deep", "values within values, more than %d deep", maxDepth)
		p.beyond = true
	case p.nodes > maxNodes:
		p.problems.Add(at, "write fewer aliases of aliases, or split the file", "more than %d values, each alias counted as what it stands for", maxNodes)
		p.beyond = true
	}
	return !p.beyond
}
