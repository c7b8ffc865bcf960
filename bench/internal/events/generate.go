package events

import "fmt"

// The shape of the topic.
const (
	Partitions       = 4
	PerKey           = 10
	concurrentOrders = 1000 // orders under way at the same time in one partition
)

// kinds is the life of an order, one event each.
var kinds = [PerKey]string{
	"OrderPlaced", "ItemAdded", "ItemAdded", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "Packed", "Shipped", "Delivered",
}

// event appends key and value of the nth event of a partition; about 250 bytes.
func event(partition, n int, key, value []byte) (k, v []byte) {
	window, within := n/(concurrentOrders*PerKey), n%(concurrentOrders*PerKey)
	step, order := within/concurrentOrders, window*concurrentOrders+within%concurrentOrders
	k = fmt.Appendf(key, "order-%d-%07d", partition, order)
	return k, fmt.Appendf(value,
		`{"type":"%s","order_id":"%s","item":{"sku":"B-%05d","quantity":%d,"price":%d.99},"at":"2026-11-24T06:00:%02d.000Z","source":{"app":"shop","version":"3.14.15","host":"web-17"},"note":"left at the door, as always"}`,
		kinds[step], k, order%97+step, step+1, order%50, step)
}

// roundUp is n rounded to what makes every order complete.
func roundUp(n int) int {
	const unit = Partitions * PerKey * concurrentOrders
	return max((n+unit/2)/unit, 1) * unit
}
