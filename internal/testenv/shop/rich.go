package shop

import (
	"strconv"
	"strings"
)

func (m *rowMaker) rich() bool { return m.options.Shape == Rich }

// richOrder appends what an order has beyond the plain columns: a long note now and
// then, free-form attributes, labels.
func (m *rowMaker) richOrder(day int) {
	d, c := &m.dice, &m.orders
	if d.chance(3) {
		c.null()
	} else {
		c.text(m.prose(d.skewed(300)))
	}
	switch d.n(4) {
	case 0:
		c.null()
	case 1:
		c.text(`{}`)
	default:
		c.text(`{"channel": "`, d.of(modes), `", "basket": {"seconds": `, strconv.Itoa(d.n(4_000)), `, "score": 0.`,
			strconv.Itoa(100+d.n(900)), `0, "exact": 12345678901234567890.123456789}, "seen": [1, null, true, "`,
			jsonText(d.of(origins)), `"]}`)
	}
	c.text(m.labels())
	c.moment(day, d.n(86_400), d.n(1_000_000))
}

// richLine appends the reference to a product, which is missing for old parts.
func (m *rowMaker) richLine(l line) {
	if l.part%17 == 0 {
		m.lines.null()
		return
	}
	m.lines.int(productKey(l.part))
}

// product appends one row of shop.product.
func (m *rowMaker) product(i int) {
	d, c := &m.dice, &m.products
	d.row(ofProducts, i)
	c.int(productKey(i))
	c.text(partName(i))
	c.text(d.of(origins))
	if d.chance(5) {
		c.null()
	} else {
		c.text(m.prose(d.skewed(90)))
	}
	c.text(`{"grams": `, strconv.Itoa(d.n(90_000)), `, "size": [`, strconv.Itoa(d.n(300)), `, `, strconv.Itoa(d.n(300)), `.50]}`)
	c.text(m.labels())
	if d.chance(4) {
		c.null()
	} else {
		c.text(strconv.FormatFloat(float64(d.n(1_000_000))/1024, 'g', -1, 64))
	}
	c.text([]string{"t", "f"}[d.n(2)])
	c.end()
}

// labels is an array of texts: empty, short, with what needs quoting, with a NULL.
func (m *rowMaker) labels() string {
	d := &m.dice
	labels := make([]string, d.n(4))
	for i := range labels {
		switch d.n(6) {
		case 0:
			labels[i] = "NULL"
		case 1:
			labels[i] = `"` + jsonText(strings.NewReplacer("\n", " ", "\t", " ").Replace(d.of(origins))) + `"`
		default:
			labels[i] = `"` + d.of(materials) + `"`
		}
	}
	return "{" + strings.Join(labels, ",") + "}"
}

// prose is so many sentences.
func (m *rowMaker) prose(sentences int) string {
	d := &m.dice
	var b strings.Builder
	for i := range sentences {
		if i > 0 {
			b.WriteByte(' ')
		}
		opening, wish, reason := d.remark()
		b.WriteString(opening + " " + wish + "; " + reason)
		if d.chance(9) {
			b.WriteString(" (" + d.of(origins) + ")")
		}
		b.WriteByte('.')
	}
	return b.String()
}

// jsonText escapes for the inside of a JSON string, or of a quoted array element.
func jsonText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s)
}
