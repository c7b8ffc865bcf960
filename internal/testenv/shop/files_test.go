package shop

import (
	"strings"
	"testing"

	"humpty/internal/config"
)

func TestWriteConfig(t *testing.T) {
	t.Parallel()
	for _, shape := range []Shape{Plain, Rich} {
		folder := t.TempDir()
		name, err := WriteConfig(folder, shape, Place{Postgres: "postgres://me@127.0.0.1:1/shop", Search: "http://127.0.0.1:2"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(name, config.Options{})
		if err != nil {
			t.Fatalf("%s: %v", shape, err)
		}
		p, err := c.Projection("orders")
		if err != nil || p.Alias != "orders" || p.Document.From != "shop.orders" || len(p.Document.Include) != 2 || len(p.Index) == 0 {
			t.Errorf("%s: %+v, %v", shape, p, err)
		}
		if len(c.Warnings) > 0 {
			t.Errorf("%s: %v", shape, c.Warnings)
		}
		if c.Target("search").Kind != "elasticsearch" {
			t.Errorf("%s: target %+v", shape, c.Target("search"))
		}
	}
	if _, err := WriteConfig(t.TempDir(), "fat", Place{}); err == nil || !strings.Contains(err.Error(), `no read model of shape "fat"`) {
		t.Errorf("unknown shape: %v", err)
	}
}
