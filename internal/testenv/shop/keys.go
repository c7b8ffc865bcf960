package shop

// How many rows there are for so many orders, and which keys they have.

func customers(orders int) int { return max(orders/10, 40) }

func products(orders int) int { return max(orders/20, 60) }

// orderKey leaves 24 of 32 keys out, as if old orders had been archived one by one, and
// after each 25,000 orders a wide gap: ranges of equal width are not ranges of equal size.
func orderKey(i int) int64 {
	n := int64(i)
	return n/8*32 + n%8 + 1 + n/25_000*3_000_000
}

func customerKey(i int) int { return 3*i + 1 }

func productKey(i int) int { return 10 + 7*i }

// buyer picks the customer of an order: every twentieth order is one of three big
// customers', the rest spreads unevenly over all but the last tenth, who never bought.
func buyer(d *dice, orders int) int {
	if d.chance(20) {
		return customerKey(d.n(3))
	}
	n := customers(orders)
	active := n - n/10
	return customerKey(min(d.n(active), d.n(active)))
}
