package shop

import (
	"fmt"
	"runtime"
)

// Shape says which columns and tables the shop has.
type Shape string

// The shapes of the data set.
const (
	Plain Shape = "plain"
	Rich  Shape = "rich"
)

// Options of a data set. The zero value means the defaults.
type Options struct {
	Orders      int        // 200,000 by default
	Shape       Shape      // Plain by default
	Seed        uint64     // the same seed gives the same rows
	Connections int        // that write at once; as many as there are processors by default
	Progress    func(Size) // what was written so far; one call at a time; may be nil
}

// Size is how much there is in the shop.
type Size struct {
	Customers int64 `json:"customers"`
	Products  int64 `json:"products,omitempty"` // shape rich only
	Orders    int64 `json:"orders"`
	Lines     int64 `json:"lines"`
	Bytes     int64 `json:"bytes"` // sent to PostgreSQL
}

func (s *Size) add(other Size) {
	s.Customers += other.Customers
	s.Products += other.Products
	s.Orders += other.Orders
	s.Lines += other.Lines
	s.Bytes += other.Bytes
}

func (o *Options) normalize() error {
	if o.Orders == 0 {
		o.Orders = 200_000
	}
	if o.Shape == "" {
		o.Shape = Plain
	}
	if o.Connections == 0 {
		o.Connections = runtime.GOMAXPROCS(0)
	}
	switch {
	case o.Orders < 1 || o.Orders > 1_000_000_000:
		return fmt.Errorf("shop: %d orders; from 1 to 1,000,000,000 are possible", o.Orders)
	case o.Shape != Plain && o.Shape != Rich:
		return fmt.Errorf("shop: unknown shape %q: %s or %s", o.Shape, Plain, Rich)
	case o.Connections < 1:
		return fmt.Errorf("shop: %d connections; at least one is needed", o.Connections)
	}
	return nil
}
