package config

import (
	"fmt"
	"time"
)

// grammar is the whole file: every key, what it takes, and what is not built yet.
func grammar() *rule {
	return &rule{kind: object, keys: []key{
		{name: "version", required: true, doc: "Version of this file's format: 1.", rule: &rule{kind: whole, min: 1}},
		{name: "sources", required: true, doc: "Systems of record, by names of your choice.", rule: &rule{kind: names, min: 1, plain: true, of: sourceRule()}},
		{name: "targets", required: true, doc: "Where read models live, by names of your choice.", rule: &rule{kind: names, min: 1, plain: true, of: targetRule()}},
		{name: "state", rule: &rule{kind: words}, doc: "Folder for what a live run must not forget, relative to this file; humpty in $XDG_STATE_HOME or ~/.local/state by default."},
		{name: "require_tls", def: "false", rule: &rule{kind: flag}, doc: "Refuse any connection beyond this machine that is or may be unencrypted, rather than warn."},
		{name: "projections", required: true, doc: "Read models, by names of your choice.", rule: &rule{kind: names, min: 1, plain: true, of: projectionRule()}},
	}}
}

func sourceRule() *rule {
	return &rule{kind: object, one: true, keys: []key{
		{name: "postgres", doc: "A PostgreSQL database.", rule: &rule{kind: object, keys: []key{
			{name: "dsn", required: true, rule: &rule{kind: connection}, doc: "Connection string, URL or keywords; PG* variables, .pgpass and service files fill what it leaves out."},
			{name: "max_connections", def: "4", rule: &rule{kind: whole, min: 1}, doc: "Connections a run may hold at once."},
			{name: "statement_timeout", rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: "Longest time of one statement; the server's own by default."},
			{name: "lock_timeout", def: "30s", rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: "Longest wait for a table that others have locked."},
			{name: "max_rows_per_second", rule: &rule{kind: whole, min: 1}, doc: "Rows of all tables that loads and verifications may read in a second; no limit by default."},
			{name: "max_bytes_per_second", rule: &rule{kind: size, min: 1}, doc: "Bytes that they may read in a second, like 20MB; no limit by default."},
			{name: "read_dsn", rule: &rule{kind: connection}, doc: "A streaming replica for reading, in live runs too; dsn by default."},
			{name: "publication", rule: &rule{kind: words}, doc: "A publication of all tables that live runs need, made by their owner: humpty then needs SELECT and REPLICATION only, and neither changes nor drops it. By default each live run makes one, and must own the tables."},
			{name: "memory", def: "32MB", rule: &rule{kind: size, min: 1}, doc: "For small tables of `one` includes that are held while reading."},
		}}},
		{name: "kafka", doc: "A Kafka cluster.", rule: kafkaRule()},
	}}
}

func targetRule() *rule {
	return &rule{kind: object, one: true, keys: []key{
		{name: "elasticsearch", rule: searchRule(), doc: "An Elasticsearch cluster, 8 or 9."},
		{name: "opensearch", rule: searchRule(), doc: "An OpenSearch cluster, 2 or 3."},
		{name: "null", rule: &rule{kind: object}, doc: "Takes every document and keeps none: to measure the reading side. Write `null: {}`."},
		{name: "ndjson", doc: "Files of JSON lines.", rule: &rule{kind: object, keys: []key{
			{name: "dir", required: true, rule: &rule{kind: words}, doc: "Folder for the files, relative to this file."},
		}}},
	}}
}

func searchRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "addresses", required: true, rule: &rule{kind: list, min: 1, of: &rule{kind: words}}, doc: "URLs of nodes, http:// or https://, without credentials."},
		{name: "username", rule: &rule{kind: words}, doc: "Basic authentication, with password."},
		{name: "password", rule: &rule{kind: secret}, doc: "Basic authentication, with username."},
		{name: "api_key", rule: &rule{kind: secret}, doc: "API key, base64 of id:key, in place of username and password."},
		{name: "bearer", rule: &rule{kind: secret}, doc: "Bearer token, in place of username and password."},
		{name: "ca", rule: &rule{kind: words}, doc: "PEM file of the certificate authority, relative to this file."},
		{name: "cert", rule: &rule{kind: words}, doc: "PEM file of the client certificate, with key."},
		{name: "key", rule: &rule{kind: words}, doc: "PEM file of the client certificate's key, with cert."},
		{name: "cluster_uuid", rule: &rule{kind: words}, doc: "The only cluster that may be touched; `humpty check` prints it."},
		{name: "proxy", rule: &rule{kind: words}, doc: "URL of an HTTP proxy, without credentials; none by default, and HTTP_PROXY is not read."},
		{name: "gzip", def: "false", rule: &rule{kind: flag}, doc: "Compress requests: for slow networks."},
	}}
}

func projectionRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "target", required: true, rule: &rule{kind: words}, doc: "Name of the target."},
		{name: "alias", required: true, rule: &rule{kind: words}, doc: "The name that applications use; the generations behind it are called ALIAS-TIME."},
		{
			name: "index", doc: "Settings and mappings exactly as the target takes them: a JSON file relative to this one, or inline.",
			rule: &rule{kind: either, any: []*rule{{kind: words}, {kind: anything}}},
		},
		{
			name: "writer", def: "handover", doc: "Who writes to the index besides a rebuild: handover: the application, through the alias, unversioned (without version and version_type; with version: {column: NAME}, also with the version of the row) and without a pause; freeze: the application, unversioned, which can bear that the old index refuses writes just before the swap; follow: only `humpty follow`.",
			rule: &rule{kind: choice, choices: []option{{word: "handover"}, {word: "follow"}, {word: "freeze"}}},
		},
		{name: "version", def: "class", doc: "Where a document's version comes from: class: from humpty, each generation above the one before; {column: NAME}: from its row.", rule: versionRule()},
		{
			name: "not_finite", def: "reject", doc: "What becomes of NaN, Infinity and infinite dates: reject the document, or null for the field.",
			rule: &rule{kind: choice, choices: []option{{word: "reject"}, {word: "null"}}},
		},
		{
			name: "consistency", def: "snapshot", doc: "snapshot: as the tables were when the run began; what is written later is not in the new generation. live: what others write meanwhile is caught up with, by logical decoding.",
			rule: &rule{kind: choice, choices: []option{{word: "snapshot"}, {word: "live"}}},
		},
		{name: "catch_up", doc: "With consistency: snapshot: rows that were written since are found by a column and read again, until there are few. Deleted and moved rows are not found so.", rule: &rule{kind: object, keys: []key{
			{name: "updated_at", required: true, rule: &rule{kind: words}, doc: "The column, a timestamptz that is set with every write, indexed; tables of the document that have it are covered, and the root table must."},
			{name: "margin", def: "1m", rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: "How late a row may become visible after that time: the longest transaction, and clocks that differ."},
		}}},
		{name: "priority", def: "0", rule: &rule{kind: whole}, doc: "Which come first where several are rebuilt (`humpty rebuild --all`): those with the highest; equal ones in the file's order."},
		{name: "verify", def: "{}", rule: verifyRule(), doc: "How a generation is proven before the swap."},
		{name: "limits", def: "{}", rule: limitsRule(), doc: "What a run may use, and when it must stop."},
		{name: "load", def: "{}", rule: loadRule(), doc: "How the target's index is filled."},
		{name: "keep", def: "{}", rule: keepRule(), doc: "What `humpty prune` leaves."},
		{name: "document", required: true, rule: documentRule(), doc: "What a document looks like: a root table and a tree of includes."},
	}}
}

func versionRule() *rule {
	word := &rule{kind: choice, choices: []option{
		{word: "class"},
		{word: "none", later: "write class, or a column; both protect against late writes"},
	}}
	return &rule{kind: either, any: []*rule{word, {kind: object, keys: []key{
		{
			name: "column", required: true, rule: &rule{kind: words},
			doc: "A NOT NULL integer column of the root table that each change of the row raises. Its value is the external version of the document in every generation, so an application may write with it, too (version_type external or external_gte): the newer one wins.",
		},
		{
			name: "raised_by_every_change", def: "false", rule: &rule{kind: flag},
			doc: "Your word, needed with include: a change of an included row raises the column of its root row, too.",
		},
	}}}}
}

func verifyRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "level", def: "full", doc: "count: number of documents; sample: a random part; full: every document, byte for byte, in both directions.", rule: &rule{kind: choice, choices: []option{
			{word: "count"}, {word: "sample"}, {word: "full"},
		}}},
		{name: "budget", rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: "Longest time of a full comparison, after which a sample must do; no limit by default."},
		{name: "ignore", rule: &rule{kind: list, of: &rule{kind: words}}, doc: "Fields that may differ, like views_count or customer.seen."},
		{name: "queries", rule: &rule{kind: words}, doc: "YAML file of queries that the new generation must answer as expected, relative to this one."},
	}}
}

// queriesRule is the file that verify.queries names.
func queriesRule() *rule {
	return &rule{kind: names, min: 1, of: &rule{kind: object, keys: []key{
		{name: "body", required: true, rule: &rule{kind: either, any: []*rule{{kind: anything}}}, doc: "The search, as the target takes it."},
		{name: "min_hits", def: "1", rule: &rule{kind: whole}, doc: "Fewest hits."},
		{name: "max_hits", rule: &rule{kind: whole}, doc: "Most hits; any number by default."},
		{name: "must_include", rule: columnNames(), doc: "Ids of documents that must match."},
		{name: "max_latency", rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: "Longest time; any by default."},
	}}}
}

func limitsRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "rejections", def: "0", rule: &rule{kind: whole}, doc: "Documents that may be refused before the swap is off; and before `humpty follow` sets the projection aside, which bears 1,000 where nothing is said here."},
		{name: "poison", def: "0", rule: &rule{kind: whole}, doc: "Events that may be unreadable, or that a fold may refuse, before the swap is off; and before `humpty follow` sets the projection aside, which bears 1,000 where nothing is said here."},
		{name: "inflight", def: "256MB", rule: &rule{kind: size, min: 1}, doc: "Bytes between source and target, whatever the table's size."},
		{name: "writers", def: "16", rule: &rule{kind: whole, min: 1}, doc: "Most bulk requests at once; how many pay is found out."},
		{name: "batch", def: "4MB", rule: &rule{kind: size, min: 1}, doc: "Bytes of a bulk request at the start; fewer where inflight has no room for one of each reader and writer, or where max_bulk_mb_s is less in a quarter of a second."},
		{name: "max_bulk_mb_s", def: "0", rule: &rule{kind: whole, max: 1e9}, doc: "Most megabytes a second that a load sends; 0: no limit."},
		{name: "max_outage", def: "15m", rule: &rule{kind: duration}, doc: "How long a server that went away is waited for, before a run stops; a live one can be gone on with then. 0s: not at all."},
		{name: "shrink", def: "20%", rule: &rule{kind: percent}, doc: "Most documents that a swap may lose, of those that the alias serves now, or that its newest generation had. 0%: none; 100%: any."},
		{name: "brake", rule: brakeRule(), doc: "Slow a load down when searches through the alias take longer than this: a search for one document, timed ten times a second, over the last ten seconds."},
	}}
}

func brakeRule() *rule {
	r := &rule{kind: object}
	for _, p := range brakes {
		r.keys = append(r.keys, key{name: fmt.Sprintf("search_p%d", p), rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: fmt.Sprintf("Longest time of %d of 100 searches.", p)})
	}
	return r
}

// brakes are the percentiles that a brake can hold.
var brakes = []int{50, 90, 95, 99}

func loadRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "max_segments", def: "0", rule: &rule{kind: whole}, doc: "Merge each shard to this many segments before the replicas are made (_forcemerge): searches get quicker, and the run longer; 0: do not."},
		{name: "nodes", rule: &rule{kind: names, of: &rule{kind: words}}, doc: "Attributes of the nodes that a generation is loaded on, like {box: ingest}; it is moved to where the index's own settings want it when it is sealed."},
	}}
}

func keepRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "generations", def: "2", rule: &rule{kind: whole}, doc: "Generations to keep besides the live one."},
		{name: "feed_previous", def: "false", rule: &rule{kind: either, any: []*rule{{kind: duration}, {kind: flag}}}, doc: "With writer: follow, for how long `humpty follow` feeds the generation that served before, from the swap on (24h): a rollback to it is instant. Its slot stays for that time; true: without end."},
	}}
}

// kafkaRule is a source of events.
func kafkaRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "brokers", required: true, rule: &rule{kind: list, min: 1, of: &rule{kind: words}}, doc: "HOST:PORT of some brokers; the others are learnt from them."},
		{
			name: "tls", doc: "true for TLS with the system's authorities, or files.",
			rule: &rule{kind: either, any: []*rule{{kind: flag}, {kind: object, keys: []key{
				{name: "ca", rule: &rule{kind: words}, doc: "PEM file of the certificate authority, relative to this file."},
				{name: "cert", rule: &rule{kind: words}, doc: "PEM file of the client certificate, with key."},
				{name: "key", rule: &rule{kind: words}, doc: "PEM file of the client certificate's key, with cert."},
				{name: "server_name", rule: &rule{kind: words}, doc: "Name that the brokers' certificates must have; the host's by default."},
			}}}},
		},
		{name: "sasl", doc: "How humpty says who it is.", rule: &rule{kind: object, keys: []key{
			{name: "mechanism", required: true, doc: "How the password is sent.", rule: &rule{kind: choice, choices: []option{
				{word: "PLAIN"}, {word: "SCRAM-SHA-256"}, {word: "SCRAM-SHA-512"},
			}}},
			{name: "username", required: true, rule: &rule{kind: words}, doc: "User."},
			{name: "password", required: true, rule: &rule{kind: secret}, doc: "Password."},
		}}},
		{name: "readers", def: "4", rule: &rule{kind: whole, min: 1}, doc: "Partitions read at once."},
		{name: "fetch", def: "2MB", rule: &rule{kind: size, min: 1, max: 1 << 30}, doc: "Bytes asked for at once from one partition."},
		{name: "patience", def: "15s", rule: &rule{kind: duration, min: int64(time.Millisecond)}, doc: "How long a broker or a leader may be away before that is an outage, which limits.max_outage bounds."},
		{name: "memory", def: "256MB", rule: &rule{kind: size, min: 64 << 10}, doc: "Events held in memory until they are folded; the others wait on disk. At least 64KiB."},
		{name: "spill", rule: &rule{kind: words}, doc: "Folder for these, relative to this file; the system's for temporary files by default."},
	}}
}

// fromRule is a table, a topic, or several topics.
func fromRule() *rule {
	return &rule{kind: either, any: []*rule{{kind: words}, {kind: list, min: 1, of: &rule{kind: words}}}}
}

// eventKeys are the keys of a root or an include whose from is a topic.
func eventKeys() []key {
	return []key{
		{name: "key", rule: &rule{kind: words}, doc: "Topics: where the document's key is: key (the message's, the default), header:NAME, or a path into the payload like order.id."},
		{name: "type", rule: &rule{kind: words}, doc: "Topics: where the event's type is: header:NAME, or a path."},
		{name: "fold", doc: "Topics: what becomes of the events of a key: latest (the last one, the default) or merge (JSON merge patch).", rule: &rule{kind: choice, choices: []option{
			{word: "latest"}, {word: "merge"},
		}}},
		{name: "handlers", rule: &rule{kind: either, any: []*rule{{kind: words}, {kind: anything}}}, doc: "Topics: steps by type of event, inline or a JSON file, instead of fold."},
		{name: "script", rule: &rule{kind: words}, doc: "Topics: file of a JavaScript module with a handler for each type, instead of fold."},
		{name: "debezium", rule: &rule{kind: flag}, doc: "Topics: true if the values are Debezium's envelopes of rows."},
		{name: "payload", rule: &rule{kind: words}, doc: "Topics: path to the part of the value that is folded; all of it by default."},
		{name: "since", rule: &rule{kind: either, any: []*rule{{kind: words}, {kind: names, min: 1, of: &rule{kind: whole}}}}, doc: "Topics: start each partition at its first event of this time or later, like 2026-01-31T00:00:00Z; or single ones at an offset, {TOPIC/PARTITION: OFFSET}."},
		{name: "accept_truncated", rule: &rule{kind: flag}, doc: "Topics: true if documents of what is left are right, though the beginning of a topic is gone, or compaction took events from it; refused otherwise."},
		{name: "fence", doc: "Topics: where the replay ends; at the last stable offset of each partition by default.", rule: &rule{kind: object, keys: []key{
			{name: "group", required: true, rule: &rule{kind: words}, doc: "At what this consumer group has committed: that of the projector that goes on with the new index."},
		}}},
	}
}
