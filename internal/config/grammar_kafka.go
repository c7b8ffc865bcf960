package config

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
		{name: "fetch", def: "2MB", rule: &rule{kind: size}, doc: "Bytes asked for at once from one partition."},
		{name: "patience", def: "15s", rule: &rule{kind: duration}, doc: "How long a broker or a leader may be away before that is an outage, which limits.max_outage bounds."},
		{name: "memory", def: "256MB", rule: &rule{kind: size}, doc: "Events held in memory until they are folded; the others wait on disk."},
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
		{name: "fence", doc: "Topics: where the replay ends; at the last stable offset of each partition by default.", rule: &rule{kind: object, keys: []key{
			{name: "group", required: true, rule: &rule{kind: words}, doc: "At what this consumer group has committed: that of the projector that goes on with the new index."},
		}}},
	}
}
