// Package topics has the pages of the help that no command has.
package topics

import "github.com/spf13/cobra"

// All are the pages; exitCodes is what each code means.
func All(exitCodes string) []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit codes mean", Long: "Exit codes:\n\n" + exitCodes},
		{Use: "config", Short: "How humpty.yaml is written", Long: configHelp},
		{Use: "environment", Short: "Which variables are read, and what wins", Long: environmentHelp},
		{Use: "json", Short: "What --json prints", Long: jsonHelp},
	}
}

const configHelp = `The configuration is humpty.yaml in the working folder, or what --config or
HUMPTY_CONFIG names. A small one:

  version: 1
  sources:
    shop: {postgres: {dsn: "${SHOP_DSN}"}}
  targets:
    search: {elasticsearch: {addresses: ["http://localhost:9200"]}}
  projections:
    orders:
      target: search
      alias: orders                # what applications use
      index: orders.index.json     # settings and mappings, as Elasticsearch takes them
      document:
        from: shop.orders          # SOURCE.TABLE
        include:
          lines: {from: shop.lineitem, on: {l_orderkey: o_orderkey}, many: true}

A document is made of events where from is SOURCE.TOPIC of a kafka source; see "From events"
in the README, and humpty help project.

Variables: "${VAR}" must be set, "${VAR:-default}" need not, "${file:/run/secrets/x}" is
the file's content. They are expanded after parsing, so a value never changes the
structure; inside { } they need the quotes. Everything is checked at once: humpty check.
Every key with its meaning: humpty schema, and the reference in the README.
`

const environmentHelp = `A flag wins over its variable, a variable over the file, the file over the default.
humpty check --show-effective prints every value and where it comes from.

  HUMPTY_CONFIG             --config
  HUMPTY_JSON               --json
  HUMPTY_QUIET              --quiet
  HUMPTY_YES                --yes
  HUMPTY_NO_COLOR           --no-color; so does NO_COLOR
  HUMPTY_PROGRESS_INTERVAL  --progress-interval
  HUMPTY_REJECTIONS         --rejections   (limits.rejections)
  HUMPTY_POISON             --poison       (limits.poison)
  HUMPTY_INFLIGHT           --inflight     (limits.inflight)
  HUMPTY_WRITERS            --writers      (limits.writers)
  HUMPTY_BATCH              --batch        (limits.batch)
  HUMPTY_VERIFY             --verify       (verify.level)
  HUMPTY_MAX_BULK_MB_S      --max-bulk-mb-s (limits.max_bulk_mb_s)
  HUMPTY_MAX_OUTAGE         --max-outage   (limits.max_outage)
  HUMPTY_MAX_SHRINK         --max-shrink   (limits.shrink)
  HUMPTY_STATE              --state        (state)
  HUMPTY_DEAD_LETTERS       --dead-letters

PG* variables, .pgpass and service files fill what a dsn leaves out. ELASTICSEARCH_URL is
never read unless the file says "${ELASTICSEARCH_URL}": a rebuild must not end up in
another cluster. Flags that decide over data (--to, --allow-empty, --replace-index,
--unverified) have no variables.
`

const jsonHelp = `With --json every line on stdout is one JSON object with "schema": 1 and a "type":

  phase      a phase of a run started or ended: phase, state, seconds, failed
  progress   how far it is: phase, done, total (an estimate), bytes
  waiting    what it waits for: text
  notice     something to read: text
  warning    something worth knowing: text
  result     always exactly one, always the last line, also after a failure:
             verb, status (completed, failed, refused, interrupted), exit_code,
             error (message, problems, next), and what the verb found:
             record, plan, checks, projections, change, prune, unlock, version

Messages and progress for people stay on stderr; --quiet keeps all but errors away.
New types and fields may be added; "schema" changes when a meaning does.
`
