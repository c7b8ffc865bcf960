package postgres

import (
	"fmt"
	"testing"

	"humpty/internal/field"
	"humpty/sources"
)

// A plan says what fields the documents will have, of what kind, and what they are made of.
func TestPlanSaysWhatDocumentsHave(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `
		CREATE TYPE mood AS ENUM ('good', 'bad');
		CREATE DOMAIN price AS numeric(12,2);
		CREATE TABLE customer (id bigint PRIMARY KEY, name text);
		CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customer, total price, rate float8, paid boolean, placed date, at timestamptz,
			tags text[], rates real[], extra jsonb, feeling mood, raw bytea, place inet);
		CREATE TABLE line (order_id bigint REFERENCES orders, no int, amount numeric, PRIMARY KEY (order_id, no));`)
	plan, err := d.source(Config{Shape: sources.Shape{
		From: "orders", Routing: []string{"customer_id"}, Include: []sources.Shape{
			{Name: "customer", From: "customer", One: true, On: []sources.Join{{Child: "id", Parent: "customer_id"}}},
			{Name: "buyer", From: "customer", One: true, Flatten: true, Columns: []sources.Column{{Field: "buyer_name", Expr: "name", Plain: true}}, On: []sources.Join{{Child: "id", Parent: "customer_id"}}},
			{Name: "lines", From: "line", Many: true, On: []sources.Join{{Child: "order_id", Parent: "id"}}},
			{Name: "amounts", From: "line", Many: true, Values: "amount", On: []sources.Join{{Child: "order_id", Parent: "id"}}},
		},
	}}).Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Routed {
		t.Error("the plan does not say that documents have a routing")
	}
	got := map[string]field.Kind{}
	var walk func(path string, fields []field.Field)
	walk = func(path string, fields []field.Field) {
		for _, f := range fields {
			got[path+f.Name] = f.Kind
			walk(path+f.Name+".", f.Fields)
		}
	}
	walk("", plan.Fields)
	want := map[string]field.Kind{
		"id": field.Whole, "customer_id": field.Whole, "total": field.Fraction, "rate": field.Fraction, "paid": field.Boolean, "placed": field.Date, "at": field.Date,
		"tags": field.Text, "rates": field.Fraction, "extra": field.Any, "feeling": field.Text, "raw": field.Text, "place": field.Any,
		"customer": field.Object, "customer.id": field.Whole, "customer.name": field.Text, "buyer_name": field.Text,
		"lines": field.Object, "lines.order_id": field.Whole, "lines.no": field.Whole, "lines.amount": field.Fraction, "amounts": field.Fraction,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("fields\n%v, want\n%v", got, want)
	}
	for _, f := range plan.Fields {
		if f.Name == "rate" && f.Of != "public.orders.rate, float8" {
			t.Errorf("rate is made of %q", f.Of)
		}
	}
}
