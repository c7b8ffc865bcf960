package shop

import "strconv"

// customer appends one row of shop.customer.
func (m *rowMaker) customer(i int) {
	d := &m.dice
	d.row(ofCustomers, i)
	home := d.n(len(nations))
	n := nations[home]
	city := n.capital
	if d.chance(3) {
		city = n.port
	}
	c := &m.customers
	c.int(customerKey(i))
	c.text(d.of(firstNames), " ", d.of(lastNames))
	c.text(strconv.Itoa(d.between(1, 120)), " ", d.of(streets), ", ", city)
	c.int(home)
	c.text("+", n.calling, " ", strconv.Itoa(d.between(100, 999)), " ", strconv.Itoa(d.between(100_000, 999_999)))
	c.cents(d.between(-99_999, 999_999))
	c.text(d.of(segments))
	opening, wish, reason := d.remark()
	c.text(opening, " ", wish, "; ", reason)
	c.end()
}
