package config

import (
	"fmt"
	"strings"
	"testing"
)

const limited = `version: 1
sources:
  shop: {postgres: {dsn: dbname=shop%s}}
  bus: {kafka: {brokers: ["localhost:9092"]%s}}
targets:
  search: {elasticsearch: {addresses: ["http://localhost:9200"]}}
projections:
  orders:
    target: search
    alias: orders
    index: {}
    document: {from: shop.orders, columns: [id]}
%s`

// A limit that is set is obeyed, or refused: none that is 0, or too large for what it limits,
// is silently another one.
func TestLimitsThatAreSet(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct {
		part         int
		form         string
		wrong, right []string
	}{
		"shop.postgres.memory":               {0, ", memory: %s", []string{"0MB", "0", "0.1B"}, []string{"1B", "32MB"}},
		"shop.postgres.max_bytes_per_second": {0, ", max_bytes_per_second: %s", []string{"0MB"}, []string{"1MB"}},
		"shop.postgres.max_rows_per_second":  {0, ", max_rows_per_second: %s", []string{"0", "-1"}, []string{"1"}},
		"shop.postgres.max_connections":      {0, ", max_connections: %s", []string{"0"}, []string{"1"}},
		"shop.postgres.statement_timeout":    {0, ", statement_timeout: %s", []string{"0s", "1us"}, []string{"1ms"}},
		"shop.postgres.lock_timeout":         {0, ", lock_timeout: %s", []string{"0s", "1us"}, []string{"1ms"}},
		"bus.kafka.memory":                   {1, ", memory: %s", []string{"0MB", "1KB", "65535B"}, []string{"64KiB", "1MB"}},
		"bus.kafka.fetch":                    {1, ", fetch: %s", []string{"0MB", "1025MiB", "4GiB"}, []string{"1B", "1GiB"}},
		"bus.kafka.readers":                  {1, ", readers: %s", []string{"0"}, []string{"1"}},
		"bus.kafka.patience":                 {1, ", patience: %s", []string{"0s"}, []string{"1ms"}},
		"orders.limits.inflight":             {2, "    limits: {inflight: %s}", []string{"0MB"}, []string{"8MB"}},
		"orders.limits.max_bulk_mb_s":        {2, "    limits: {max_bulk_mb_s: %s}", []string{"-1", "10000000000000"}, []string{"0", "1"}},
		"orders.limits.batch":                {2, "    limits: {batch: %s}", []string{"0MB"}, []string{"1MB"}},
		"orders.limits.writers":              {2, "    limits: {writers: %s}", []string{"0"}, []string{"1"}},
		"orders.limits.max_outage":           {2, "    limits: {max_outage: %s}", []string{"-1s"}, []string{"0s", "1s"}},
		"orders.limits.rejections":           {2, "    limits: {rejections: %s}", []string{"-1"}, []string{"0"}},
		"orders.limits.shrink":               {2, "    limits: {shrink: %s}", []string{"-1%", "101%", "0.2", "20", "x%", "NaN%"}, []string{"0%", "20%", "99.95%", "100%"}},
		"orders.limits.brake.search_p95":     {2, "    limits: {brake: {search_p95: %s}}", []string{"0s"}, []string{"1ms"}},
		"orders.verify.budget":               {2, "    verify: {budget: %s}", []string{"0s"}, []string{"1s"}},
	} {
		for i, value := range append(c.wrong, c.right...) {
			parts := [3]any{"", "", ""}
			parts[c.part] = fmt.Sprintf(c.form, value)
			_, err := read("humpty.yaml", fmt.Appendf(nil, limited, parts[:]...), Options{Env: environment()})
			name := key[strings.LastIndexByte(key, '.')+1:]
			switch wrong := i < len(c.wrong); {
			case wrong && (err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), value)):
				t.Errorf("%s: %s: %v", name, value, err)
			case !wrong && err != nil:
				t.Errorf("%s: %s: %v", name, value, err)
			}
		}
	}
}
