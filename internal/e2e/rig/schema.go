package rig

import "fmt"

// Tables are the shop with 300 orders, all constraints included.
const Tables = `
CREATE TABLE customer (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customer, placed date, total numeric(12,2), note text);
CREATE TABLE line (order_id bigint REFERENCES orders, no int, sku text, quantity int, PRIMARY KEY (order_id, no));
INSERT INTO customer SELECT i, 'customer ' || i FROM generate_series(1, 10) i;
INSERT INTO orders SELECT i, i % 10 + 1, date '2026-01-01' + i % 300, i * 1.25, 'note ' || i FROM generate_series(1, 300) i;
INSERT INTO line SELECT o, n, 'sku-' || (o * 7 + n) % 50, n FROM generate_series(1, 300) o, generate_series(1, 3) n;
ANALYZE;`

// Index is the definition of its index.
const Index = `{
  "settings": {"number_of_shards": 1, "number_of_replicas": 0},
  "mappings": {"dynamic": "strict", "properties": {
    "id": {"type": "long"}, "customer_id": {"type": "long"}, "placed": {"type": "date"}, "total": {"type": "double"},
    "note": {"type": "text"}, "customer": {"properties": {"name": {"type": "keyword"}}},
    "lines": {"properties": {"order_id": {"type": "long"}, "no": {"type": "integer"}, "sku": {"type": "keyword"}, "quantity": {"type": "integer"}}}}}
}`

// Config is humpty.yaml: the projection orders, with its customer and its lines.
const Config = `version: 1
sources:
  shop: {postgres: {dsn: "${SHOP_DSN}"}}
targets:
  search: {elasticsearch: {addresses: ["${ES}"]}}
projections:
  orders:
    target: search
    alias: ${ALIAS}
    index: orders.index.json
    document:
      from: shop.orders
      include:
        customer:
          from: shop.customer
          on: {id: customer_id}
          one: true
          columns: [name]
        lines:
          from: shop.line
          on: {order_id: id}
          many: true
          order_by: [no]
`

// Oracle is one naive SELECT that says what each document must be.
const Oracle = `SELECT o.id::text, json_build_object('id', o.id, 'customer_id', o.customer_id, 'placed', o.placed, 'total', o.total, 'note', o.note,
 'customer', (SELECT json_build_object('name', c.name) FROM customer c WHERE c.id = o.customer_id),
 'lines', coalesce((SELECT json_agg(json_build_object('order_id', l.order_id, 'no', l.no, 'sku', l.sku, 'quantity', l.quantity) ORDER BY l.no) FROM line l WHERE l.order_id = o.id), '[]'))::text FROM orders o`

// UnconstrainedTables are the tables without references between them, so that every change of the
// application's can be committed by itself, with this many orders and customers.
func UnconstrainedTables(orders, customers int) string {
	return fmt.Sprintf(`
CREATE TABLE customer (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, placed date, total numeric(12,2), note text);
CREATE TABLE line (order_id bigint, no int, sku text, quantity int, PRIMARY KEY (order_id, no));
CREATE INDEX ON orders (customer_id);
INSERT INTO customer SELECT i, 'customer ' || i FROM generate_series(1, %[2]d) i;
INSERT INTO orders SELECT i, i %% %[2]d + 1, date '2026-01-01' + i %% 300, i * 1.25, 'note ' || i FROM generate_series(1, %[1]d) i;
INSERT INTO line SELECT o, n, 'sku-' || (o * 7 + n) %% 50, n FROM generate_series(1, %[1]d) o, generate_series(1, 2) n;
ANALYZE;`, orders, customers)
}
