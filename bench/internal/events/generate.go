package events

import "fmt"

// The shape of the topic.
const (
	Partitions = 4
	PerKey     = 10
	atOnce     = 1000 // orders under way at the same time in one partition
)

// kinds is the life of an order, one event each.
var kinds = [PerKey]string{
	"OrderPlaced", "ItemAdded", "ItemAdded", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "Packed", "Shipped", "Delivered",
}

// one appends key and value of the nth event of a partition; about 250 bytes.
func one(partition, n int, key, value []byte) (k, v []byte) {
	window, within := n/(atOnce*PerKey), n%(atOnce*PerKey)
	step, order := within/atOnce, window*atOnce+within%atOnce
	k = fmt.Appendf(key, "order-%d-%07d", partition, order)
	return k, fmt.Appendf(value,
		`{"type":"%s","order_id":"%s","item":{"sku":"B-%05d","quantity":%d,"price":%d.99},"at":"2026-11-24T06:00:%02d.000Z","source":{"app":"shop","version":"3.14.15","host":"web-17"},"note":"left at the door, as always"}`,
		kinds[step], k, order%97+step, step+1, order%50, step)
}

// whole is n rounded to what makes every order complete.
func whole(n int) int {
	const unit = Partitions * PerKey * atOnce
	return max((n+unit/2)/unit, 1) * unit
}
