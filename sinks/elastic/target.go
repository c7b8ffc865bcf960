package elastic

import (
	"context"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Target is one alias of one cluster.
type Target struct {
	*preflight
	*catalog
	aliasSwitch
	leases
	writeBlocks
	snapshots
	loadProbe
}

// Dial connects to the cluster, finds out what it is, and refuses it if it is not the
// one that is pinned. Errors are *Error.
func Dial(ctx context.Context, cfg Config) (*Target, error) {
	c, err := newCluster(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	check := &preflight{c}
	all := &catalog{cluster: c, preflight: check, hazards: hazards{c}}
	return &Target{
		preflight: check, catalog: all, aliasSwitch: aliasSwitch{c, all}, leases: leases{c}, writeBlocks: writeBlocks{c},
		snapshots: snapshots{cluster: c, catalog: all}, loadProbe: loadProbe{c},
	}, nil
}

// IsUnavailable implements sinks.Outages.
func (*Target) IsUnavailable(err error) bool { return transport.IsUnavailable(err) }

// What a target, and an index of it, can do.
var (
	_ sinks.Target       = (*Target)(nil)
	_ sinks.Leases       = (*Target)(nil)
	_ sinks.Blocker      = (*Target)(nil)
	_ sinks.Snapshots    = (*Target)(nil)
	_ sinks.EarlyServing = (*Target)(nil)
	_ sinks.AliasViewer  = (*Target)(nil)
	_ sinks.DraftChecker = (*Target)(nil)
	_ sinks.LoadProbe    = (*Target)(nil)

	_ sinks.VersionSampler = (*Target)(nil)
	_ sinks.Outages        = (*Target)(nil)
	_ sinks.WriterFencer   = (*Target)(nil)

	_ sinks.Index             = (*index)(nil)
	_ sinks.Getter            = (*index)(nil)
	_ sinks.ConditionalWriter = (*index)(nil)
	_ sinks.Sampler           = (*index)(nil)
	_ sinks.DefinitionDiffer  = (*index)(nil)
	_ sinks.Searcher          = (*index)(nil)
	_ sinks.SettingsRestorer  = (*index)(nil)
	_ sinks.WriterFence       = (*index)(nil)
	_ sinks.ThrottleCounter   = (*index)(nil)
	_ sinks.DurabilityChecker = (*index)(nil)
)
