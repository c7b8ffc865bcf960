// Package devstack brings up the real servers that humpty's tests, demo and
// benchmarks run against: PostgreSQL, Elasticsearch, OpenSearch and Kafka, as
// ordinary processes on free loopback ports. What the machine lacks is brought
// with Maven, verified and kept in a cache folder; a missing prerequisite is an
// error that says what to install.
//
// # In tests
//
//	dsn := devstack.Postgres(t)             // a fresh database, dropped when t ends
//	url := devstack.Elasticsearch(t)        // http://127.0.0.1:PORT
//	url := devstack.OpenSearch(t)
//	brokers := devstack.Kafka(t)            // []string{"127.0.0.1:PORT"}
//	index := devstack.Name(t)               // unique name for an index, topic, role …
//
// These share one running stack with all other test processes of the user. A
// server starts when it is first asked for, so ask only for what the test
// needs. The stack belongs to a supervisor process of its own, which ends with
// its servers a minute after the last test that used it, however that test
// ended. Leave a shared server as it was: change no cluster-wide setting, kill,
// fill and slow nothing, and delete only what carries your own Name.
//
// A test that does such things takes servers of its own:
//
//	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindElasticsearch}})
//	url := stack.Addresses().Elasticsearch
//	stack.Kill(devstack.KindElasticsearch)                // as by kill -9
//	stack.Start(t.Context(), devstack.KindElasticsearch)  // same data, same port
//
// One that kills single nodes takes a cluster, and the text of a kind names a version that
// the shared servers do not have (elasticsearch-9, opensearch-2), or an Elasticsearch that can
// keep API keys (elasticsearch-keys):
//
//	cluster := devstack.PrivateCluster(t, devstack.KindElasticsearch, 3, nil, nil)
//	cluster.Kill(2)
//
// The shared servers have the size for tests (see [Options].Heap). PostgreSQL has
// wal_level=logical, 300 connections, the locale C and no fsync. Elasticsearch
// and OpenSearch have a folder for snapshots (path.repo: the location of a
// repository is relative to it), do not watch their disk, and create an index
// that is written to. Kafka creates no topic by itself.
//
// With -short, tests that ask for a server are skipped. Without it a server
// that cannot be had fails the test and names the remedy.
//
// # In programs
//
// [Start] brings up servers that end with the calling process, even if that is
// killed, unless [Options].Keep is set: then they stay until [EndKept] or, by
// hand, down.
//
// # By hand
//
//	go run ./internal/testenv/devstack/cmd up        # start the shared stack and hold it
//	go run ./internal/testenv/devstack/cmd status
//	go run ./internal/testenv/devstack/cmd down           # the shared stack and kept ones
//	go run ./internal/testenv/devstack/cmd down FOLDER    # one that was kept
//
// # Where things are
//
// HUMPTY_CACHE names the folder for what was brought (default: the user's cache
// folder; for root /var/cache/humpty on Linux, /Library/Caches/humpty on macOS).
// HUMPTY_DEVSTACK names the folder for running stacks: data, logs, locks
// (default: run in the cache folder); there is one shared stack per such folder.
// HUMPTY_USER names the account that root runs the servers as; without it, it is
// the account that called sudo, else postgres, else nobody.
//
// The servers listen on 127.0.0.1 only and ask for no password (but PostgreSQL
// does for every role except postgres): every account of the machine can reach
// them, so put nothing private into them.
package devstack
