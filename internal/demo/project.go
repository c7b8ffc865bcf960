package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/testenv/shop"
	"humpty/projector"
)

// project is the folder with humpty.yaml.
type project struct {
	file    string // humpty.yaml
	scratch string // folder to remove at the end, if any
	state   assemble.State
}

// write makes the folder and the file.
func (p *project) write(o Options, s *servers) error {
	var err error
	folder := o.Folder
	if o.Keep {
		err = os.MkdirAll(folder, 0o755)
	} else {
		folder, err = os.MkdirTemp("", "humpty-demo-")
		p.scratch = folder
	}
	if err != nil {
		return fmt.Errorf("demo: a folder for humpty.yaml: %w", err)
	}
	if p.file, err = shop.WriteConfig(folder, shop.Plain, shop.Place{Postgres: s.postgres, Search: s.search}); err != nil {
		return err
	}
	p.state.Dir = filepath.Join(folder, "state")
	text, err := os.ReadFile(p.file)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	const rest = "consistency: snapshot              # the tables are at rest: one snapshot for all readers"
	const live = "consistency: live                  # what is written meanwhile is caught up with\n" +
		"    writer: follow                     # nobody else writes to the index; `humpty follow` keeps it equal"
	const targets = "\ntargets:\n"
	if !strings.Contains(string(text), rest) || !strings.Contains(string(text), targets) {
		return errors.New("demo: the shop's configuration is not what the demo knows")
	}
	changed := strings.Replace(string(text), rest, live, 1)
	changed = strings.Replace(changed, targets, fmt.Sprintf(eventSource, s.brokers[0])+targets, 1)
	changed += eventModels + "\nstate: state                           # what a live run must not forget\n"
	return os.WriteFile(p.file, []byte(changed), 0o644)
}

// rebuild makes one of one of the file's projections, as `humpty rebuild` does.
func (p *project) rebuild(ctx context.Context, name string) (*projector.Rebuild, error) {
	c, err := config.Load(p.file, config.Options{})
	if err != nil {
		return nil, err
	}
	projection, err := c.Projection(name)
	if err != nil {
		return nil, err
	}
	return assemble.Rebuild(ctx, c, projection, "demo", nil)
}
