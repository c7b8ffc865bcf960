package config

import (
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"humpty/internal/problem"
)

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
