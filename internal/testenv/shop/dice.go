package shop

import (
	"math/bits"
	"math/rand/v2"
)

// dice gives the same numbers for the same row, whoever rolls them when. It stands on
// the PCG generator alone, whose sequence is fixed, and not on what rand.Rand makes of it.
type dice struct {
	pcg  rand.PCG
	seed uint64
}

// stream separates the numbers of the tables.
type stream uint64

const (
	ofCustomers stream = iota + 1
	ofOrders
	ofProducts
)

func (d *dice) row(s stream, i int) { d.pcg.Seed(d.seed^uint64(s)<<56, uint64(i)) }

// n is evenly from 0 to below limit, which is positive.
func (d *dice) n(limit int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(limit))
	return int(hi)
}

// between is evenly from low to high, both included.
func (d *dice) between(low, high int) int { return low + d.n(high-low+1) }

// chance is true once in so many times.
func (d *dice) chance(in int) bool { return d.n(in) == 0 }

func (d *dice) of(words []string) string { return words[d.n(len(words))] }

// skewed is mostly 1 to 3 and now and then near limit; it is the product of five even
// numbers, so its mean is limit/32.
func (d *dice) skewed(limit int) int {
	u := d.n(1_000_000)
	for range 4 {
		u = u * d.n(1_000_000) / 1_000_000
	}
	return 1 + u*(limit-1)/1_000_000
}
