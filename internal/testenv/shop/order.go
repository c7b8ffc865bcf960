package shop

import "strconv"

// rowMaker makes the rows of the tables, the same ones for the same seed.
type rowMaker struct {
	options Options
	dice    dice

	customers, products, orders, lines copyRows
}

// line is what an order must know of its lines.
type line struct {
	part, quantity, price int // price in cents, for all of the quantity
	discount, tax         int // percent
	shipped               int // day
}

// order appends one row of shop.orders and its rows of shop.lineitem.
func (m *rowMaker) order(i int) {
	d := &m.dice
	d.row(ofOrders, i)
	key := int(orderKey(i))
	day := d.n(lastDay)
	customer := buyer(d, m.options.Orders)
	count := d.between(1, 7)
	if m.rich() {
		count = d.skewed(200)
		if d.chance(2_000) {
			count = 200
		}
	}
	total, open := 0, 0
	for number := 1; number <= count; number++ {
		l := m.line(key, number, day)
		total += l.price * (100 - l.discount) / 100 * (100 + l.tax) / 100
		if l.shipped > lastDay {
			open++
		}
	}
	c := &m.orders
	c.int(key)
	c.int(customer)
	c.text(status(open, count))
	c.cents(total)
	c.date(day)
	c.text(d.of(priorities))
	c.text("clerk-", strconv.Itoa(100_000 + d.n(1_000))[1:])
	c.int(d.n(2))
	opening, wish, reason := d.remark()
	c.text(opening, " ", wish, "; ", reason, ".")
	if m.rich() {
		m.richOrder(day)
	}
	c.end()
}

func status(open, lines int) string {
	switch open {
	case 0:
		return "fulfilled"
	case lines:
		return "open"
	}
	return "partly shipped"
}

func (m *rowMaker) line(key, number, day int) line {
	d := &m.dice
	l := line{
		part:     d.n(products(m.options.Orders)),
		quantity: d.between(1, 50), discount: d.n(11), tax: d.n(9),
		shipped: day + d.between(1, 121),
	}
	l.price = l.quantity * (490 + l.part*7919%49_500)
	c := &m.lines
	c.int(key)
	c.int(number)
	c.text(partName(l.part))
	c.int(l.quantity)
	c.cents(l.price)
	c.cents(l.discount)
	c.cents(l.tax)
	returned, state := "no", "shipped"
	switch {
	case l.shipped > lastDay:
		state = "open"
	case d.chance(12):
		returned = "yes"
	}
	c.text(returned)
	c.text(state)
	c.date(l.shipped)
	c.date(l.shipped + d.between(1, 30))
	c.text(d.of(instructions))
	c.text(d.of(modes))
	c.text(d.of(packings), ", ", d.of(colours))
	if m.rich() {
		m.richLine(l)
	}
	c.end()
	return l
}

// partName is the name of the part with that number: the same for every line.
func partName(part int) string {
	quality, rest := part%len(qualities), part/len(qualities)
	material, thing := (rest+part)%len(materials), (rest/len(materials)+part*3)%len(things)
	return qualities[quality] + " " + materials[material] + " " + things[thing]
}
