package demo

import (
	"fmt"
	"io"
	"time"
)

// MinOrders is the smallest demo: below it every figure would be noise.
const MinOrders = 1_000

// Options of a demo. Out is required.
type Options struct {
	Orders int    // 200,000 where 0; at least MinOrders
	Seed   uint64 // the same seed gives the same shop
	Keep   bool   // leave the servers up at the end
	Folder string // with Keep: for humpty.yaml and orders.index.json; humpty-demo where empty

	Out      io.Writer     // the story, or with JSON a line for each server, step and loss
	JSON     bool          // NDJSON; the caller prints the result as the last line
	Progress io.Writer     // bars or lines while something takes time; none where nil
	Bars     bool          // Progress is a terminal that can redraw lines
	Interval time.Duration // between lines of Progress; progress.DefaultInterval where 0
	Program  string        // how humpty is called in the commands to try next; humpty where empty
}

func (o *Options) normalize() error {
	if o.Orders == 0 {
		o.Orders = 200_000
	}
	if o.Folder == "" {
		o.Folder = "humpty-demo"
	}
	if o.Program == "" {
		o.Program = "humpty"
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Orders < MinOrders {
		return fmt.Errorf("demo: %d orders are too few to measure anything: use --orders %d or more", o.Orders, MinOrders)
	}
	return nil
}
