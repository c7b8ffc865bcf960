package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"humpty/internal/testenv/shop"
)

// serverFlags name servers that run already.
type serverFlags struct {
	postgres, elasticsearch, opensearch string
	kafka                               string
	database                            string
	heap                                string

	volatile bool // PostgreSQL does not wait for its disk; no flag
}

func (f *serverFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.postgres, "postgres", "", "DSN (URL) of a running PostgreSQL, with the right to create a database; empty: start one")
	flags.StringVar(&f.database, "database", "humpty_bench", "database of the bench's own, made if it is missing")
	flags.StringVar(&f.elasticsearch, "elasticsearch", "", "URL of a running Elasticsearch; empty: start one where it is needed")
	flags.StringVar(&f.opensearch, "opensearch", "", "URL of a running OpenSearch; empty: start one where it is needed")
	flags.StringVar(&f.kafka, "kafka", "", "host:port of a running Kafka broker; empty: start one where it is needed")
	flags.StringVar(&f.heap, "heap", "2g", "heap of a search server that is started")
}

// dataFlags say what is read and how.
type dataFlags struct {
	orders int
	scale  float64
	shape  string
	tpch   string // folder of files, instead of what is generated

	connections int // to PostgreSQL
	writers     int // bulk requests at once
	batchMB     float64
	shards      int
}

const (
	ordersAtScale1 = 1_000_000
	defaultOrders  = 100_000
)

func (f *dataFlags) bind(flags *pflag.FlagSet) {
	flags.IntVar(&f.orders, "orders", 0, "how many orders, each one document; 0: 100,000, or what the mode wants")
	flags.Float64Var(&f.scale, "scale", 0, "instead of --orders: 1 is 1,000,000 orders with about 4,000,000 lines")
	flags.StringVar(&f.shape, "shape", string(shop.Plain), "plain: four lines an order, 1.7 KB; rich: up to 200 lines, long texts, jsonb, arrays, NULLs")
	flags.StringVar(&f.tpch, "tpch", "", "folder with the files of TPC-H (orders.tbl or orders.csv, …) to load instead; not with --shape, --orders, --scale")
	flags.IntVar(&f.connections, "connections", 4, "connections to PostgreSQL, on both sides of a comparison")
}

func (f *dataFlags) bindWriting(flags *pflag.FlagSet) {
	flags.IntVar(&f.writers, "writers", 0, "bulk requests at once; 0: the engine's choice, 4 for raw limits")
	flags.Float64Var(&f.batchMB, "batch-mb", 0, "MB (2²⁰) of a bulk request; 0: the engine's choice, 4 for raw limits")
	flags.IntVar(&f.shards, "shards", 2, "shards of the index")
}

func (f *dataFlags) check() error {
	if f.scale < 0 || f.connections < 1 || f.writers < 0 || f.batchMB < 0 || f.shards < 0 {
		return fmt.Errorf("--scale, --writers, --batch-mb and --shards cannot be negative, and --connections is 1 at least")
	}
	if f.orders == 0 {
		f.orders = defaultOrders
	}
	if f.tpch != "" && f.shape != string(shop.Plain) {
		return fmt.Errorf("--tpch has the shape plain")
	}
	if f.scale > 0 {
		f.orders = max(int(f.scale*ordersAtScale1), 1)
	}
	if shape := shop.Shape(f.shape); shape != shop.Plain && shape != shop.Rich {
		return fmt.Errorf("--shape %q: %s or %s", f.shape, shop.Plain, shop.Rich)
	}
	return nil
}

func checkTarget(target string, allowed ...string) error {
	if !slices.Contains(allowed, target) {
		return fmt.Errorf("--target %q: one of %v", target, allowed)
	}
	return nil
}

// label names the data set in results.
func (f *dataFlags) label(shape shop.Shape) string {
	if f.tpch != "" {
		return "tpch"
	}
	return string(shape)
}
