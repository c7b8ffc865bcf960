package main

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"humpty/internal/config"
)

// limitFlags adds the flags that stand above values of the file.
func limitFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("rejections", "", "limits.rejections: documents that may be refused (HUMPTY_REJECTIONS)")
	f.String("poison", "", "limits.poison: events that may be unreadable (HUMPTY_POISON)")
	f.String("inflight", "", "limits.inflight: bytes between source and target, like 256MB (HUMPTY_INFLIGHT)")
	f.String("writers", "", "limits.writers: bulk requests at once (HUMPTY_WRITERS)")
	f.String("batch", "", "limits.batch: bytes of a bulk request, like 4MB (HUMPTY_BATCH)")
	f.String("max-bulk-mb-s", "", "limits.max_bulk_mb_s: most megabytes a second that a load sends (HUMPTY_MAX_BULK_MB_S)")
	f.String("max-outage", "", "limits.max_outage: how long a server that went away is waited for, like 15m (HUMPTY_MAX_OUTAGE)")
	f.String("verify", "", "verify.level: count, sample or full (HUMPTY_VERIFY)")
}

// load reads the configuration, with what flags and variables put above it.
func (a *app) load(cmd *cobra.Command) (*config.Config, error) {
	opts := config.Options{Env: a.env}
	for _, path := range []string{"limits.rejections", "limits.poison", "limits.inflight", "limits.writers", "limits.batch", "limits.max_bulk_mb_s", "limits.max_outage", "verify.level"} {
		name := strings.ReplaceAll(strings.TrimPrefix(strings.TrimSuffix(path, ".level"), "limits."), "_", "-")
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			opts.Overrides = append(opts.Overrides, config.Override{Path: path, Value: f.Value.String(), Origin: a.origins[name]})
		}
	}
	c, err := config.Load(a.flags.config, opts)
	if err != nil {
		return nil, err
	}
	if dir := cmp.Or(a.flags.state, c.State); a.flags.letters == "" && dir != "" {
		a.flags.letters = filepath.Join(dir, "dead-letters")
	}
	for _, w := range c.Warnings {
		a.caution("", w)
	}
	return c, nil
}

// chosen reads the configuration and finds the projection that the arguments name, or
// the only one there is.
func (a *app) chosen(cmd *cobra.Command, args []string) (*config.Config, config.Projection, error) {
	c, err := a.load(cmd)
	if err != nil {
		return nil, config.Projection{}, err
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	p, err := c.Projection(name)
	if err == nil {
		a.result.projection = p.Name
	}
	return c, p, err
}

// some returns the projection that the arguments name, or all.
func (a *app) some(cmd *cobra.Command, args []string) (*config.Config, []config.Projection, error) {
	if len(args) == 0 {
		c, err := a.load(cmd)
		if err != nil {
			return nil, nil, err
		}
		if len(c.Projections) == 1 {
			a.result.projection = c.Projections[0].Name
		}
		return c, c.Projections, nil
	}
	c, p, err := a.chosen(cmd, args)
	return c, []config.Projection{p}, err
}
