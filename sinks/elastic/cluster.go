package elastic

import "humpty/sinks/elastic/transport"

// cluster is what the parts of a target, and of its indices, speak to.
type cluster struct {
	*transport.Client
	cfg Config
}

func newCluster(cfg Config) (*cluster, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	client, err := transport.New(cfg.connection())
	if err != nil {
		return nil, err
	}
	return &cluster{Client: client, cfg: cfg}, nil
}
