package demo

import (
	"context"
	"errors"
	"os"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/internal/ui"
)

// servers are those that the demo starts.
type servers struct {
	story    *story
	stack    *devstack.Stack
	version  map[devstack.Kind]string
	postgres string // DSN
	search   string // URL
	brokers  []string
}

// start starts them, and says what it does.
func (s *servers) start(ctx context.Context, keep bool) error {
	stack, err := devstack.Start(ctx, devstack.Options{
		Servers: kinds(), Heap: "1g", Keep: keep, Progress: s.progress,
		// a few MB fit on a disk that is nearly full, where the server would make no index
		Config: map[devstack.Kind][]string{devstack.KindElasticsearch: {"cluster.routing.allocation.disk.threshold_enabled: false"}},
	})
	if err != nil {
		return err
	}
	s.stack = stack
	at := stack.Addresses()
	s.postgres, s.search, s.brokers = at.Postgres, at.Elasticsearch, at.Kafka
	return nil
}

func (s *servers) progress(p devstack.Progress) {
	s.story.emit("server", p)
	switch p.Step {
	case devstack.Fetching:
		s.story.say("fetching %s …", p.Detail)
	case devstack.Starting:
		s.version[p.Server] = p.Detail
	case devstack.Ready:
		s.story.say("%s  %s  (%s)", s.version[p.Server], p.Detail, ui.Time(p.Elapsed))
	}
}

// discard stops servers that would have been kept.
func (s *servers) discard(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	for _, k := range kinds() {
		errs = append(errs, s.stack.Stop(ctx, k))
	}
	return errors.Join(append(errs, s.stack.Close(), os.RemoveAll(s.stack.Dir()))...)
}

func kinds() []devstack.Kind {
	return []devstack.Kind{devstack.KindPostgres, devstack.KindElasticsearch, devstack.KindKafka}
}
