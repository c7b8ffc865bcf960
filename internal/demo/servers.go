package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/internal/testenv/shop"
	"humpty/internal/ui"
)

func (d *demo) servers(ctx context.Context) error {
	d.story.say("PostgreSQL and Kafka hold the truth, Elasticsearch holds the read models. All are the real\n" +
		"thing, on free ports of 127.0.0.1; what this machine lacks is fetched once.")
	return d.timed("start the servers", func(*Step) error {
		stack, err := devstack.Start(ctx, devstack.Options{
			Servers: kinds(), Heap: "1g", Keep: d.options.Keep, Progress: d.server,
		})
		if err != nil {
			return err
		}
		d.stack = stack
		at := stack.Addresses()
		d.postgres, d.search, d.brokers, d.app = at.Postgres, at.Elasticsearch, at.Kafka, newApplication(at.Elasticsearch)
		return d.writeConfig()
	})
}

func (d *demo) server(p devstack.Progress) {
	d.story.emit("server", p)
	switch p.Step {
	case devstack.Fetching:
		d.story.say("fetching %s …", p.Detail)
	case devstack.Starting:
		d.version[p.Server] = p.Detail
	case devstack.Ready:
		d.story.say("%s  %s  (%s)", d.version[p.Server], p.Detail, ui.Time(p.Elapsed))
	}
}

func (d *demo) writeConfig() error {
	var err error
	folder := d.options.Folder
	if d.options.Keep {
		err = os.MkdirAll(folder, 0o755)
	} else {
		folder, err = os.MkdirTemp("", "humpty-demo-")
		d.scratch = folder
	}
	if err != nil {
		return fmt.Errorf("demo: a folder for humpty.yaml: %w", err)
	}
	if d.config, err = shop.WriteConfig(folder, shop.Plain, shop.Place{Postgres: d.postgres, Search: d.search}); err != nil {
		return err
	}
	d.stateDir = filepath.Join(folder, "state")
	text, err := os.ReadFile(d.config)
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
	changed = strings.Replace(changed, targets, fmt.Sprintf(eventSource, d.brokers[0])+targets, 1)
	changed += eventModels + "\nstate: state                           # what a live run must not forget\n"
	return os.WriteFile(d.config, []byte(changed), 0o644)
}

// leave stops the servers, or says where they are.
func (d *demo) leave(ctx context.Context, failed error) error {
	if d.stack == nil {
		return nil
	}
	if !d.options.Keep {
		return errors.Join(d.stack.Close(), os.RemoveAll(d.scratch))
	}
	if failed != nil {
		return d.abandon(ctx)
	}
	d.result.Kept = &Kept{Postgres: d.postgres, Elasticsearch: d.search, Kafka: d.brokers[0], Config: d.config, Data: d.stack.Dir()}
	return d.stack.Close()
}

// abandon stops servers that would have been kept.
func (d *demo) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	for _, k := range kinds() {
		errs = append(errs, d.stack.Stop(ctx, k))
	}
	return errors.Join(append(errs, d.stack.Close(), os.RemoveAll(d.stack.Dir()))...)
}

func kinds() []devstack.Kind {
	return []devstack.Kind{devstack.KindPostgres, devstack.KindElasticsearch, devstack.KindKafka}
}
